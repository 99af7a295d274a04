"""Pictures of meshes by OpenGL without a window: Mesa's software on any CPU, the GPU where EGL finds one."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import shaders
from convert.synth.camera import Camera, view_matrix
from convert.synth.mesh import Mesh
from convert.synth.rotation import unit

Array = NDArray[np.float64]
SHADOW_PX = 1024
NEAR_M, FAR_M = 0.1, 30.0


@partial(dataclass, frozen=True)
class Light:
    """A key light that casts shadows, a fill light and the glow of the room; colours are linear."""

    key_to: Array
    key_light: Array
    fill_to: Array
    fill_light: Array
    sky: Array
    ground: Array
    gain: float = 0.62


@dataclass
class Drawn:
    """A mesh on the graphics card, with the settings of its shader."""

    lively: Any
    looks: Any
    triangles: Any
    draw: Any
    shade: Any
    count: int
    outfit: dict[str, Any] = field(default_factory=dict)
    before: NDArray[np.float32] | None = None
    casts: bool = True


class Renderer:
    """Draws scenes of one picture size.

    Args:
        width: pixels.
        height: pixels.

    Raises:
        RuntimeError: no EGL driver; says which packages bring one.
    """

    def __init__(self, width: int, height: int) -> None:
        import moderngl

        try:
            self.gl = moderngl.create_standalone_context(backend="egl")
        except Exception as error:
            raise RuntimeError(f"no EGL driver ({error}); on Debian: apt install libegl1 libgl1-mesa-dri") from error
        self.width, self.height = width, height
        gl = self.gl
        gl.enable(moderngl.DEPTH_TEST)
        self.look = gl.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.FRAGMENT)
        self.cast = gl.program(vertex_shader=shaders.SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT)
        self.blur = gl.program(vertex_shader=shaders.BLUR_VERTEX, fragment_shader=shaders.BLUR_FRAGMENT)
        self.picture = gl.texture((width, height), 3)
        self.motion = gl.texture((width, height), 2, dtype="f2")
        self.depth = gl.depth_texture((width, height))
        self.target = gl.framebuffer([self.picture, self.motion], self.depth)
        self.blurred = gl.simple_framebuffer((width, height), 3)
        self.shadow = gl.depth_texture((SHADOW_PX, SHADOW_PX))
        self.shadow.compare_func = "<="
        self.shadow_target = gl.framebuffer(depth_attachment=self.shadow)
        half = (width * 2 // 3, height * 2 // 3)
        self.mirrored = gl.texture(half, 3)
        self.mirror_target = gl.framebuffer(
            [self.mirrored, gl.texture(half, 2, dtype="f2")], gl.depth_renderbuffer(half)
        )
        self.textures: Any = None
        self.things: list[Drawn] = []
        square = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
        self.square = gl.vertex_array(self.blur, [(square, "2f", "corner")])

    def clear(self) -> None:
        """Forgets all meshes."""
        for thing in self.things:
            for part in (thing.draw, thing.shade, thing.lively, thing.looks, thing.triangles):
                part.release()
        self.things = []

    def set_textures(self, layers: NDArray[np.uint8]) -> None:
        """Takes (n, size, size, 3) repeating textures."""
        if self.textures is not None:
            self.textures.release()
        count, size = layers.shape[:2]
        self.textures = self.gl.texture_array((size, size, count), 3, np.ascontiguousarray(layers).tobytes())
        self.textures.build_mipmaps()

    def add(self, mesh: Mesh, casts: bool = True, outfit: dict[str, Any] | None = None) -> Drawn:
        """Puts a mesh into the scene."""
        gl = self.gl
        lively = gl.buffer(np.concatenate([mesh.at, mesh.normal, mesh.at], 1).astype("f4").tobytes(), dynamic=True)
        looks = gl.buffer(np.ascontiguousarray(mesh.look, "f4").tobytes())
        triangles = gl.buffer(np.ascontiguousarray(mesh.triangles, "i4").tobytes())
        draw = gl.vertex_array(
            self.look,
            [(lively, "3f 3f 3f", "at", "normal", "was"), (looks, "3f 3f 4f 1f", "colour", "place", "cut", "material")],
            triangles,
        )
        shade = gl.vertex_array(self.cast, [(lively, "3f 24x", "at")], triangles)
        thing = Drawn(lively, looks, triangles, draw, shade, len(mesh.at), outfit or {}, casts=casts)
        self.things.append(thing)
        return thing

    def move(self, thing: Drawn, at: NDArray[np.float32], normal: NDArray[np.float32]) -> None:
        """Gives a mesh its vertices of the next frame; where they were before makes the blur."""
        before = at if thing.before is None else thing.before
        thing.lively.write(np.concatenate([at, normal, before], 1).astype("f4").tobytes())
        thing.before = at

    def draw(
        self, camera: Camera, light: Light, feet: Array, shutter: float = 0.5, mirror: tuple[Array, float] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """One picture.

        Args:
            camera: of this renderer's size; its lens distortion is not drawn here (lens.py).
            light: the lights.
            feet: (2, 3) where feet darken the floor.
            shutter: share of the time between frames that the picture is exposed.
            mirror: plane of a mirror as (normal (3,), offset), or None.

        Returns:
            (height, width, 3) uint8 RGB, and (height, width) distance along the camera's axis in metres.
        """
        gl = self.gl
        sun = _orthographic(2.6, 1, 17) @ view_matrix(
            np.array([0, 0.1, 0.9]) + light.key_to * 8, np.array([0, 0.1, 0.901])
        )
        self.shadow_target.use()
        self.shadow_target.clear(depth=1.0)
        self._set(self.cast, light=sun)
        for thing in self.things:
            if thing.casts:
                thing.shade.render()
        lights = {
            k: getattr(light, k) for k in ("key_to", "key_light", "fill_to", "fill_light", "sky", "ground", "gain")
        }
        self._set(self.look, light=sun, feet=feet, clip=(0, 0, 0, -1), **lights)
        view = _perspective(camera) @ camera.view
        if mirror is not None:
            self._draw_mirrored(camera, view, mirror)
        self._draw_all(self.target, view, camera.eye)
        self.blurred.use()
        self.picture.use(0)
        self.motion.use(1)
        self._set(self.blur, picture=0, motion=1, shutter=shutter)
        gl.disable(self._depth_flag())
        self.square.render(mode=5)
        gl.enable(self._depth_flag())
        image = np.frombuffer(self.blurred.read(components=3, alignment=1), np.uint8).reshape(
            self.height, self.width, 3
        )[::-1]
        z = np.frombuffer(self.depth.read(alignment=1), np.float32).reshape(self.height, self.width)[::-1] * 2 - 1
        return image, (2 * FAR_M * NEAR_M / (FAR_M + NEAR_M - z * (FAR_M - NEAR_M))).astype(np.float32)

    def _depth_flag(self) -> int:
        return int(self.gl.DEPTH_TEST)

    def _draw_mirrored(self, camera: Camera, view: Array, mirror: tuple[Array, float]) -> None:
        normal, offset = mirror
        flip = np.eye(4)
        flip[:3, :3] -= 2 * np.outer(normal, normal)
        flip[:3, 3] = 2 * offset * normal
        eye = camera.eye - 2 * (camera.eye @ normal - offset) * normal
        self._set(self.look, clip=(*normal, offset + 0.005))
        self._draw_all(self.mirror_target, view @ flip, eye)
        self._set(self.look, clip=(0, 0, 0, -1))

    def _draw_all(self, target: Any, view: Array, eye: Array) -> None:
        target.use()
        target.clear(0.5, 0.5, 0.55, 1, depth=1.0)
        self.shadow.use(0)
        if self.textures is not None:
            self.textures.use(1)
        if target is not self.mirror_target:
            self.mirrored.use(2)
        self._set(self.look, view=view, view_was=view, eye=eye, size=target.size, shadow=0, textures=1, mirrored=2)
        for thing in self.things:
            self._set(self.look, **thing.outfit)
            thing.draw.render()

    @staticmethod
    def _set(program: Any, **values: Any) -> None:
        for name, value in values.items():
            if name not in program:
                continue
            array = np.asarray(value)
            if array.shape == (4, 4):
                program[name].write(array.T.astype("f4").tobytes())
            elif array.ndim == 2:
                program[name].write(array.astype("f4").tobytes())
            else:
                program[name] = tuple(array.tolist()) if array.ndim else array.item()


def _perspective(camera: Camera) -> Array:
    w, h, f = camera.width, camera.height, camera.focal_px
    m = np.zeros((4, 4))
    m[0, 0], m[1, 1] = 2 * f / w, 2 * f / h
    m[0, 2], m[1, 2] = 1 - 2 * camera.centre_px[0] / w, 2 * camera.centre_px[1] / h - 1
    m[2, 2:] = -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    m[3, 2] = -1
    return m


def _orthographic(half: float, near: float, far: float) -> Array:
    m = np.diag([1 / half, 1 / half, -2 / (far - near), 1.0])
    m[2, 3] = -(far + near) / (far - near)
    return m


def direction(azimuth_deg: float, elevation_deg: float) -> Array:
    """(3,) towards a light."""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return unit(np.array([np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)]))
