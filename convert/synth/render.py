"""Pictures of meshes by OpenGL without a window: Mesa's software on any CPU, the GPU where EGL finds one.

The camera stands still, so what stands still (room, rack, clutter) is drawn once per clip, with and without its key
light; each frame then costs only the people, the bar and their shadows.
"""

from dataclasses import dataclass, field
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
LIGHT_VALUES = ("key_to", "key_light", "fill_to", "fill_light", "sky", "ground", "gain")


@dataclass(frozen=True)
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
    still: bool
    casts: bool
    outfit: dict[str, Any] = field(default_factory=dict)
    before: NDArray[np.float32] | None = None


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
        gl, size = self.gl, (width, height)
        self.depth_test: int = moderngl.DEPTH_TEST
        self.thing = gl.program(shaders.THING_VERTEX, fragment_shader=shaders.THING_FRAGMENT)
        self.cast = gl.program(shaders.SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT)
        self.blur = gl.program(shaders.SQUARE_VERTEX, fragment_shader=shaders.BLUR_FRAGMENT)
        self.backdrop = gl.program(shaders.SQUARE_VERTEX, fragment_shader=shaders.BACKDROP_FRAGMENT)
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
        self.blur_square = gl.vertex_array(self.blur, [(corners, "2f", "corner")])
        self.backdrop_square = gl.vertex_array(self.backdrop, [(corners, "2f", "corner")])
        self.target, self.picture, self.motion, self.depth = self._layers(size)
        self.bright_target, self.bright, _, self.still_depth = self._layers(size)
        self.shaded_target, self.shaded, _, _ = self._layers(size)
        self.mirror_target, self.mirrored, _, _ = self._layers((width * 2 // 3, height * 2 // 3))
        self.blurred = gl.simple_framebuffer(size, 3)
        self.shadows = [self._shadow_map() for _ in range(2)]  # of what stands still, of what moves
        self.textures: Any = None
        self.things: list[Drawn] = []
        self.staged: Camera | None = None

    def _layers(self, size: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
        """A framebuffer with colour, motion and depth that can be read as textures."""
        gl = self.gl
        colour, motion, depth = gl.texture(size, 3), gl.texture(size, 2, dtype="f2"), gl.depth_texture(size)
        depth.compare_func = ""
        return gl.framebuffer([colour, motion], depth), colour, motion, depth

    def _shadow_map(self) -> tuple[Any, Any]:
        shadow = self.gl.depth_texture((SHADOW_PX, SHADOW_PX))
        shadow.compare_func = "<="
        return shadow, self.gl.framebuffer(depth_attachment=shadow)

    def clear(self) -> None:
        """Forgets all meshes."""
        for thing in self.things:
            for part in (thing.draw, thing.shade, thing.lively, thing.looks, thing.triangles):
                part.release()
        self.things, self.staged = [], None

    def set_textures(self, layers: NDArray[np.uint8]) -> None:
        """Takes (n, size, size, 3) repeating textures."""
        if self.textures is not None:
            self.textures.release()
        count, size = layers.shape[:2]
        self.textures = self.gl.texture_array((size, size, count), 3, np.ascontiguousarray(layers).tobytes())
        self.textures.build_mipmaps()

    def add(self, mesh: Mesh, still: bool = True, casts: bool = True, outfit: dict[str, Any] | None = None) -> Drawn:
        """Puts a mesh into the scene; what does not stand `still` may be moved, and mirrors must not either."""
        gl = self.gl
        lively = gl.buffer(np.concatenate([mesh.at, mesh.normal, mesh.at], 1).astype("f4").tobytes(), dynamic=True)
        looks = gl.buffer(np.ascontiguousarray(mesh.look, "f4").tobytes())
        triangles = gl.buffer(np.ascontiguousarray(mesh.triangles, "i4").tobytes())
        layout = (looks, "3f 3f 4f 1f", "colour", "place", "cut", "material")
        draw = gl.vertex_array(self.thing, [(lively, "3f 3f 3f", "at", "normal", "was"), layout], triangles)
        shade = gl.vertex_array(self.cast, [(lively, "3f 24x", "at")], triangles)
        self.things.append(Drawn(lively, looks, triangles, draw, shade, still, casts, outfit or {}))
        return self.things[-1]

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
            light: the lights, the same for all pictures between two calls of `clear`.
            feet: (2, 3) where feet darken the floor.
            shutter: share of the time between frames that the picture is exposed.
            mirror: plane of a mirror as (normal (3,), offset), or None.

        Returns:
            (height, width, 3) uint8 RGB, and (height, width) distance along the camera's axis in metres.
        """
        gl = self.gl
        gl.enable(self.depth_test)
        middle = np.array([0, 0.1, 0.9])
        sun = _orthographic(2.6, 1, 17) @ view_matrix(middle + light.key_to * 8, middle + [0, 0, 0.001])
        view = _perspective(camera) @ camera.view
        _set(self.thing, light=sun, clip=(0, 0, 0, -1), **{k: getattr(light, k) for k in LIGHT_VALUES})
        if self.staged is not camera:
            self._draw_still(view, camera, sun, light)
            self.staged = camera
        self._cast(sun, still=False)
        if mirror is not None:
            self._draw_mirrored(camera, view, mirror)
        self.target.use()
        self.target.clear(depth=1.0)
        for unit_, texture in enumerate((self.bright, self.shaded, self.still_depth, self.shadows[1][0])):
            texture.use(unit_)
        _set(self.backdrop, bright=0, shaded=1, depths=2, moving_shadow=3, light=sun, feet=feet)
        _set(self.backdrop, room_from_view=np.linalg.inv(view))
        gl.depth_func = "1"
        self.backdrop_square.render(mode=5)
        gl.depth_func = "<"
        self._draw_things(self.target, view, camera.eye, still=False)
        gl.disable(self.depth_test)
        self.blurred.use()
        self.picture.use(0)
        self.motion.use(1)
        _set(self.blur, picture=0, motion=1, shutter=shutter)
        self.blur_square.render(mode=5)
        image = np.frombuffer(self.blurred.read(components=3, alignment=1), np.uint8)
        z = np.frombuffer(self.depth.read(alignment=1), np.float32).reshape(self.height, self.width)[::-1] * 2 - 1
        metres = 2 * FAR_M * NEAR_M / (FAR_M + NEAR_M - z * (FAR_M - NEAR_M))
        return image.reshape(self.height, self.width, 3)[::-1], metres.astype(np.float32)

    def _cast(self, sun: Array, still: bool) -> None:
        target = self.shadows[0 if still else 1][1]
        target.use()
        target.clear(depth=1.0)
        _set(self.cast, light=sun)
        for thing in self.things:
            if thing.casts and thing.still == still:
                thing.shade.render()

    def _draw_still(self, view: Array, camera: Camera, sun: Array, light: Light) -> None:
        """What never changes in a clip: its shadows, and its picture with and without the key light."""
        self._cast(sun, still=True)
        self.shadows[1][1].clear(depth=1.0)
        for target, key in ((self.bright_target, light.key_light), (self.shaded_target, 0 * light.key_light)):
            target.clear(0.5, 0.5, 0.55, 1, depth=1.0)
            _set(self.thing, key_light=key)
            self._draw_things(target, view, camera.eye, still=True)
        _set(self.thing, key_light=light.key_light)

    def _draw_mirrored(self, camera: Camera, view: Array, mirror: tuple[Array, float]) -> None:
        normal, offset = mirror
        flip = np.eye(4)
        flip[:3, :3] -= 2 * np.outer(normal, normal)
        flip[:3, 3] = 2 * offset * normal
        eye = camera.eye - 2 * (camera.eye @ normal - offset) * normal
        _set(self.thing, clip=(*normal, offset + 0.005))
        self.mirror_target.clear(0.5, 0.5, 0.55, 1, depth=1.0)
        for still in (False, True):
            self._draw_things(self.mirror_target, view @ flip, eye, still)
        _set(self.thing, clip=(0, 0, 0, -1))

    def _draw_things(self, target: Any, view: Array, eye: Array, still: bool) -> None:
        target.use()
        used = [self.shadows[0][0], self.shadows[1][0], self.textures]
        used += [self.mirrored] if target is not self.mirror_target else []
        for unit_, texture in enumerate(used):
            texture.use(unit_)
        names = ("still_shadow", "moving_shadow", "textures", "mirrored")
        _set(self.thing, view=view, eye=eye, size=target.size, **{n: i for i, n in enumerate(names)})
        for thing in self.things:
            if thing.still == still:
                _set(self.thing, **thing.outfit)
                thing.draw.render()


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
