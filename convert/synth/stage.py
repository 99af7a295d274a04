"""One clip on its stage: the lifter, the load, the gym and the others in it, drawn frame by frame with the truth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import draw, gear, lens, scene, surface, truth
from convert.synth.bystanders import Bystander, draw_bystanders
from convert.synth.camera import Camera
from convert.synth.faults import fault_sizes
from convert.synth.figure import Figure
from convert.synth.looks import draw_look
from convert.synth.mesh import Mesh, box
from convert.synth.performance import Performance
from convert.synth.recipe import Recipe
from convert.synth.render import Drawn, Light, Renderer
from convert.synth.textures import textures

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """The truth of one frame that needs the posed skin or the drawn picture."""

    keypoints_m: Array
    visible: NDArray[np.uint8]
    surfaces: surface.Surfaces


class Stage:
    """Everything of one clip that stands ready to be drawn.

    Attributes:
        performance: what the lifter does.
        camera: of the finished pictures, with its lens.
    """

    def __init__(self, recipe: Recipe, clip: int, renderer: Renderer) -> None:
        who, room_rng = draw.chance(recipe, clip, draw.PEOPLE), draw.chance(recipe, clip, draw.SCENE)
        self.recipe, self.clip, self.renderer = recipe, clip, renderer
        drawn = draw.settings(recipe, clip)
        self.performance: Performance = drawn["performance"]
        self.camera: Camera = drawn["camera"]
        self.drawn = replace(
            lens.drawing_camera(self.camera, recipe.output.supersample), width=renderer.width, height=renderer.height
        )
        self.figure = Figure(self.performance.body, draw_look(self.performance.body, who))
        renderer.clear()
        renderer.set_textures(textures(int(room_rng.integers(8))))
        rack = self._build_gear(room_rng)
        room = scene.draw_room(room_rng, self.camera.eye, rack.far_y, recipe.scene.mirror_share)
        self.mirror = room.mirror
        self.light: Light = scene.draw_light(room_rng, draw.span(room_rng, recipe.scene.brightness))
        renderer.add(room.shell, casts=False)
        renderer.add(room.clutter)
        if room.glass is not None:
            renderer.add(room.glass, still=False, casts=False)
        self.lifter = renderer.add(self.figure.mesh, still=False, outfit=self.figure.look.outfit())
        self.others: list[tuple[Bystander, Drawn]] = [
            (b, renderer.add(b.figure.mesh, still=False, outfit=b.figure.look.outfit()))
            for b in draw_bystanders(recipe.people, self.performance, self.camera, room, rack, room_rng)
        ]

    def _build_gear(self, rng: np.random.Generator) -> scene.Rack:
        """Rack, box and load."""
        performance, load = self.performance, self.performance.load
        self.load: tuple[Mesh, Drawn] | None = None
        rack = scene.NO_RACK
        plates = gear.draw_plates(rng)
        if load is not None:
            if performance.kind == "deadlift":
                plates = [(gear.PLATES[1][1], gear.PLATES[1][2], gear.PLATES[1][3]), *plates]
            thing = gear.barbell(plates) if load.name == "barbell" else gear.dumbbell(rng.uniform(0.06, 0.10), rng)
            self.load = (thing, self.renderer.add(thing, still=False))
            walked = performance.walk_m > 0
            if (
                load.name == "barbell"
                and performance.kind == "squat"
                and (walked or rng.random() < self.recipe.scene.rack_share)
            ):
                hook_y = load.at[0, 1] if walked else load.at[0, 1] - rng.uniform(0.45, 0.85)
                hook_z = load.at[0, 2] if walked else load.at[0, 2] - 0.05
                rack = scene.draw_rack(rng, hook_y, hook_z, float(load.at[:, 2].min()))
        if rack.mesh is not None:
            self.renderer.add(rack.mesh)
        if performance.kind == "box_sit":
            seat = performance.posture.hips[-1]
            high = seat[2] - 0.10 * performance.body.stature_m / 1.75
            self.renderer.add(box((0, seat[1] + 0.10, high / 2), (0.5, 0.42, high), (0.35, 0.22, 0.1)))
        return rack

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], Row]]:
        """Recorded pictures (height, width, 3) uint8 RGB with their truth."""
        return self.frames_from(0, len(self.performance))

    def frames_from(self, first: int, end: int) -> Iterator[tuple[NDArray[np.uint8], Row]]:
        """The frames of a part of the clip."""
        rng = draw.chance(self.recipe, self.clip, draw.PICTURE)
        picture = self.recipe.picture
        noise = draw.span(rng, picture.noise)
        shutter = min(draw.span(rng, picture.exposure_s) * self.recipe.output.fps, 1.0)
        at, shade = lens.lens_map(self.camera, self.drawn), lens.vignette(self.camera, rng.uniform(0, 0.25))
        bones = self.performance.bones
        for t in range(first, end):
            skin, vertices, normals = self.figure.follow(bones, t)
            self.renderer.move(self.lifter, vertices, normals)
            self._move_load(t)
            for other, thing in self.others:
                _, v, n = other.figure.follow(other.bones, min(t, len(other.bones) - 1))
                self.renderer.move(thing, v, n)
            feet = self.performance.posture.ankles[t] - [0, 0, 0.09]
            image, depth = self.renderer.draw(self.drawn, self.light, feet, shutter, self.mirror)
            found = surface.find(skin, bones, t)
            points = truth.keypoints(self.performance, skin, found, t)
            seen = truth.visibility(points, self.camera, self.drawn, depth)
            yield lens.expose(image, at, shade, noise, rng), Row(points, seen, found)

    def _move_load(self, t: int) -> None:
        if self.load is None or self.performance.load is None:
            return
        mesh, thing = self.load
        moved = mesh.moved(self.performance.load.turns[t], self.performance.load.at[t])
        self.renderer.move(thing, moved.at, moved.normal)

    def truth(self, rows: list[Row]) -> truth.Truth:
        """The truth of the whole clip."""
        stack = {k: np.array([getattr(r.surfaces, k) for r in rows]) for k in ("crease", "fold", "knee_top", "folded")}
        margins = stack["knee_top"][..., 2] - stack["crease"][..., 2]
        faults = fault_sizes(self.performance, margins)
        points = np.array([r.keypoints_m for r in rows])
        reps = truth.reps_of(
            self.performance, self.camera, margins, stack["knee_top"][..., 2] - stack["fold"][..., 2], faults
        )
        about: dict[str, Any] = truth.about(self.performance, self.camera, reps, [self.recipe.output.seed, self.clip])
        return truth.Truth(
            keypoints_px=self.camera.project(points)[0].astype(np.float32),
            keypoints_m=points.astype(np.float32),
            visible=np.array([r.visible for r in rows]),
            crease_m=stack["crease"][..., 2].astype(np.float32),
            fold_m=stack["fold"][..., 2].astype(np.float32),
            knee_top_m=stack["knee_top"][..., 2].astype(np.float32),
            fold_at_m=stack["fold"].astype(np.float32),
            folded=stack["folded"],
            phase=self.performance.phase.astype(np.uint8),
            faults=faults.astype(np.float32),
            matrix=self.camera.matrix(),
            view=self.camera.view,
            about=about,
        )
