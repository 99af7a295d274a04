"""The room around the lifter: floor, walls, ceiling, windows, a mirror, and gym clutter that leaves the view free."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.synth import gear
from convert.synth.mesh import LAMP, MIRROR, PLASTIC, TEXTURED, Mesh, box, join, panel, tube
from convert.synth.render import Light, direction
from convert.synth.textures import FLOORS, PLASTER, POSTER, WALLS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """A room with the lifter near its middle.

    Attributes:
        shell: floor, walls and ceiling; they cast no shadow.
        clutter: everything else that stands still.
        mirror: plane (normal, offset) of a mirror on a wall, or None.
        glass: the mirror itself, or None.
        bounds: x0, x1, y0, y1, metres.
    """

    shell: Mesh
    clutter: Mesh
    mirror: tuple[Array, float] | None
    glass: Mesh | None
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True)
class Rack:
    """A rack and where it stands: y of its far side, and whether it is a cage around the lifter."""

    mesh: Mesh | None
    far_y: float
    cage: bool


NO_RACK = Rack(None, -0.8, False)


def draw_light(rng: np.random.Generator, brightness: float) -> Light:
    """Light from dim (brightness 0.35) to bright (1.3), warm to cold."""

    def tint() -> Array:
        return np.asarray(1 + rng.normal(0, 0.06) * np.array([1, 0.3, -1]))

    return Light(
        key_to=direction(rng.uniform(0, 360), rng.uniform(45, 80)),
        key_light=tint() * rng.uniform(0.7, 1.3) * brightness,
        fill_to=direction(rng.uniform(0, 360), rng.uniform(35, 75)),
        fill_light=tint() * rng.uniform(0.25, 0.6) * brightness,
        sky=tint() * rng.uniform(0.3, 0.55) * brightness,
        ground=tint() * rng.uniform(0.12, 0.25) * brightness,
        gain=0.62 * rng.uniform(0.9, 1.1) / max(brightness, 0.6) ** 0.5,  # the camera's own exposure makes up for some
    )


def _wall_colour(rng: np.random.Generator, low: float, high: float) -> Array:
    return np.asarray(rng.uniform(low, high) * (1 + rng.normal(0, 0.05, 3)))


def clear_of_view(at: Array, eye: Array, room_m: float = 1.6, margin_m: float = 0.9) -> bool:
    """Whether a thing at (2,) stands neither on the lifter nor between lifter and camera."""
    along = float(np.clip(at @ eye[:2] / (eye[:2] @ eye[:2]), 0, 1))
    return bool(
        np.hypot(*at) > room_m and np.hypot(*(at - along * eye[:2])) > margin_m and np.hypot(*(at - eye[:2])) > 0.8
    )


def free_place(
    rng: np.random.Generator, bounds: tuple[float, float, float, float], eye: Array, margin_m: float = 0.9
) -> Array | None:
    """(2,) a place on the floor that hides nothing, or None after twenty tries."""
    x0, x1, y0, y1 = bounds
    for _ in range(20):
        at = np.array([rng.uniform(x0 + 0.4, x1 - 0.4), rng.uniform(y0 + 0.4, y1 - 0.4)])
        if clear_of_view(at, eye, margin_m=margin_m):
            return at
    return None


def draw_room(rng: np.random.Generator, eye: Array, front_y: float, mirror_share: float) -> Room:
    """A random room.

    Args:
        rng: source of chance.
        eye: (3,) camera; the room reaches around it.
        front_y: y of the rack's far side; the room reaches behind it.
        mirror_share: how often a wall has a mirror.
    """
    x0, x1 = min(-rng.uniform(2.6, 4.5), eye[0] - 0.3), max(rng.uniform(2.6, 4.5), eye[0] + 0.3)
    y0, y1 = min(-rng.uniform(2.6, 4.5), eye[1] - 0.3, front_y - 0.4), max(rng.uniform(2.2, 4.0), eye[1] + 0.3)
    tall = rng.uniform(2.6, 3.8)
    bounds = (x0, x1, y0, y1)
    shell = _shell(rng, bounds, tall)
    mirror, glass = None, None
    clutter = [_on_wall(rng, x0, x1, y0, y1) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < mirror_share:
        wall = int(rng.choice([i for i, w in enumerate((eye[1] < 0, eye[0] > 0, eye[0] < 0, eye[1] > 0)) if w] or [0]))
        glass, mirror = _mirror(wall, bounds, tall)
        clutter = clutter[:1]
    colours = [_wall_colour(rng, 0.05, 0.9) * (1 + rng.normal(0, 0.2, 3)).clip(0.4, 1.6) for _ in range(12)]
    for _ in range(int(rng.integers(4, 13))):
        at = free_place(rng, bounds, eye, 1.1)
        if at is not None and (abs(at[0]) > 1.5 or at[1] > 1.4 or at[1] < front_y - 1.6):
            clutter.append(_thing(rng, at, colours[int(rng.integers(12))]))
    return Room(join(shell), join(clutter), mirror, glass, bounds)


def _shell(rng: np.random.Generator, bounds: tuple[float, float, float, float], tall: float) -> list[Mesh]:
    """Floor, walls, ceiling with lamps, and sometimes a mat or platform under the lifter."""
    x0, x1, y0, y1 = bounds
    wide, deep, up = (x1 - x0, 0, 0), (0, y1 - y0, 0), (0, 0, tall)
    shell = [panel((x0, y0, 0), wide, deep, _wall_colour(rng, 0.2, 0.75), TEXTURED, int(rng.choice(FLOORS)))]
    same, one_colour, one_layer = rng.random() < 0.6, _wall_colour(rng, 0.35, 0.95), int(rng.choice(WALLS))
    for corner, along in (((x0, y1, 0), wide), ((x0, y0, 0), deep), ((x1, y0, 0), deep), ((x0, y0, 0), wide)):
        colour = one_colour if same else _wall_colour(rng, 0.35, 0.95)
        layer = one_layer if same else int(rng.choice(WALLS))
        shell.append(panel(corner, along, up, colour, TEXTURED, layer, 0.7))
    shell.append(panel((x0, y0, tall), wide, deep, np.ones(3) * rng.uniform(0.3, 0.85), TEXTURED, PLASTER))
    for k in range(int(rng.integers(1, 4))):
        corner = (rng.uniform(x0 + 0.2, x1 - 1.4), y0 + (y1 - y0) * (k + 0.5) / 3, tall - 0.02)
        shell.append(panel(corner, (1.2, 0, 0), (0, 0.25, 0), np.ones(3), LAMP))
    if rng.random() < 0.5:
        shell.append(box((0, -0.3, 0.0005), (2.6, 2.4, 0.001), _wall_colour(rng, 0.03, 0.25), PLASTIC))
    return shell


def _thing(rng: np.random.Generator, at: Array, colour: Array) -> Mesh:
    kind = int(rng.integers(6))
    if kind == 0:
        size = rng.uniform(0.25, 0.8, 3)
        return box((*at, size[2] / 2), size, colour, PLASTIC, rng.uniform(0, 180))
    if kind == 1:
        return gear.bench(at, rng.uniform(0, 180))
    if kind == 2:
        return gear.plate_stack(at, rng)
    if kind == 3:
        return gear.dumbbell_rack(at, bool(rng.random() < 0.5))
    if kind == 4:
        return gear.kettlebell(at, colour)
    return tube((*at, 0), (*at, rng.uniform(0.5, 1.8)), rng.uniform(0.05, 0.25), colour, PLASTIC, 20)


def _on_wall(rng: np.random.Generator, x0: float, x1: float, y0: float, y1: float) -> Mesh:
    wide, tall, z = rng.uniform(0.5, 1.6), rng.uniform(0.5, 1.2), rng.uniform(0.9, 1.6)
    colour = np.ones(3) * rng.uniform(0.6, 1.0)
    at = rng.uniform(0.1, 0.9)
    x, y = x0 + (x1 - x0 - wide) * at, y0 + (y1 - y0 - wide) * at
    corner, along = (
        ((x, y1 - 0.01, z), (wide, 0, 0)),
        ((x0 + 0.01, y, z), (0, wide, 0)),
        ((x1 - 0.01, y, z), (0, wide, 0)),
        ((x, y0 + 0.01, z), (wide, 0, 0)),
    )[int(rng.integers(4))]
    if rng.random() < 0.4:
        return panel(corner, along, (0, 0, tall), colour, LAMP)  # a window
    return panel(corner, along, (0, 0, tall), colour, TEXTURED, POSTER, 0.8 / wide)


def _mirror(wall: int, bounds: tuple[float, float, float, float], tall: float) -> tuple[Mesh, tuple[Array, float]]:
    x0, x1, y0, y1 = bounds
    high = min(2.1, tall - 0.3)
    if wall in (0, 3):
        y, n = (y1 - 0.015, -1.0) if wall == 0 else (y0 + 0.015, 1.0)
        return panel((x0 + 0.4, y, 0.25), (x1 - x0 - 0.8, 0, 0), (0, 0, high), np.ones(3), MIRROR), (
            np.array([0, n, 0]),
            n * y,
        )
    x, n = (x0 + 0.015, 1.0) if wall == 1 else (x1 - 0.015, -1.0)
    return panel((x, y0 + 0.4, 0.25), (0, y1 - y0 - 0.8, 0), (0, 0, high), np.ones(3), MIRROR), (
        np.array([n, 0, 0]),
        n * x,
    )


def draw_rack(rng: np.random.Generator, hook_y: float, hook_z: float, lowest_m: float) -> Rack:
    """A rack whose hooks hold a bar at y `hook_y` and z `hook_z`; safety arms stay under the bar's lowest point."""
    colour = np.array(
        [(0.03, 0.03, 0.035), (0.45, 0.04, 0.03), (0.05, 0.1, 0.35), (0.4, 0.4, 0.42)][int(rng.integers(4))]
    )
    cage = bool(rng.random() < 0.4)
    front_y = hook_y - 0.075
    depth = 0.6 - front_y + rng.uniform(0, 0.15) if cage else rng.uniform(0.4, 0.9)
    safeties = lowest_m - rng.uniform(0.08, 0.2) if rng.random() < 0.6 else None
    if safeties is not None and safeties < 0.25:
        safeties = None
    mesh = gear.rack(front_y, hook_z + 0.003, safeties, depth, cage, colour)
    return Rack(mesh, front_y - (0 if cage else depth), cage)
