"""How a person is dressed and coloured, and the paint on the skin: lips, brows, beard, scalp.

Colours are linear, 0 to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.synth.body import Body, baked, bone_rows, is_skin, weights

Array = NDArray[np.float64]
SKIN_TONES = (
    (0.72, 0.5, 0.39),
    (0.6, 0.39, 0.29),
    (0.45, 0.28, 0.2),
    (0.3, 0.18, 0.125),
    (0.18, 0.105, 0.075),
    (0.78, 0.57, 0.47),
)
HAIR_TONES = ((0.03, 0.022, 0.018), (0.07, 0.04, 0.025), (0.16, 0.09, 0.045), (0.35, 0.24, 0.12), (0.25, 0.24, 0.23))
IRISES = ((0.12, 0.07, 0.04), (0.1, 0.16, 0.2), (0.1, 0.12, 0.05))


@dataclass(frozen=True)
class Look:
    """One outfit. Places are those of clothes.py.

    Attributes:
        skin, hair, iris, shirt, bottoms, shoe, trim: colours.
        beard: 0-1.
        hair_m: thickness of the hair.
        bun: of the hair, or a tail: (back m, share of the head's height, length m), or None.
        sleeve, hem, leg, waist: where shirt and trousers end: sleeve on the arm (-0.1 none, 1 wrist), hem on the
            trunk, leg (0.3 short, 1.85 long), waist on the trunk.
        loose_shirt_m, loose_bottoms_m: how far the cloth stands off.
        stripes: (shirt stripes 0/1, how many).
        belt: whether a lifting belt is worn.
    """

    skin: Array
    hair: Array
    iris: Array
    shirt: Array
    bottoms: Array
    shoe: Array
    trim: Array
    beard: float
    hair_m: float
    bun: tuple[float, float, float] | None
    sleeve: float
    hem: float
    leg: float
    waist: float
    loose_shirt_m: float
    loose_bottoms_m: float
    stripes: tuple[float, float]
    belt: bool

    def outfit(self) -> dict[str, float | tuple[float, ...]]:
        """What the shader needs to know."""
        return {
            "outfit": (self.sleeve, self.hem, self.leg, self.waist),
            "trim": tuple(self.trim),
            "stripes": self.stripes,
            "belt": float(self.belt),
        }


def draw_look(body: Body, rng: np.random.Generator) -> Look:
    """A random look for a body."""
    dark = float(baked()["african"][body.number])
    tones = np.array(SKIN_TONES)
    skin = tones[rng.choice([3, 4, 2] if rng.random() < dark else [0, 1, 2, 5])] * rng.uniform(0.9, 1.1)
    old = float(baked()["age"][body.number]) > 0.85

    def cloth(low: float, high: float) -> Array:
        # Most gym wear is black, grey, white or one strong colour, seldom pastel.
        grey = rng.uniform(low, high)
        tint = rng.normal(0, 0.16 if rng.random() < 0.5 else 0.02, 3)
        return np.clip(grey + tint, 0.012, 0.8)

    long = rng.random() < (0.6 if body.female else 0.25)
    return Look(
        skin=skin,
        hair=np.array(HAIR_TONES[4] if old and rng.random() < 0.7 else HAIR_TONES[rng.integers(4)]),
        iris=np.array(IRISES[rng.integers(3)]),
        shirt=cloth(0.02, 0.7),
        bottoms=cloth(0.015, 0.3),
        shoe=cloth(0.02, 0.8),
        trim=np.clip(rng.uniform(0.05, 0.9) + rng.normal(0, 0.15, 3), 0.02, 0.9),
        beard=0.0 if body.female or rng.random() < 0.5 else rng.uniform(0.2, 0.7),
        hair_m=rng.uniform(0.012, 0.025) if body.female else float(rng.choice([0.0, 0.004, 0.01, 0.018])),
        bun=(rng.uniform(-0.01, 0.02), rng.uniform(0.25, 0.75), float(rng.choice([0.04, 0.1])))
        if body.female and rng.random() < 0.75
        else None,
        sleeve=float(rng.choice([-0.1, 0.2, 0.42, 0.5, 0.96], p=[0.2, 0.2, 0.3, 0.2, 0.1])),
        hem=rng.uniform(0.02, 0.10),
        leg=1.85 if long else float(rng.choice([0.35, 0.5, 0.62, 0.8])),
        waist=rng.uniform(0.22, 0.28),
        loose_shirt_m=float(rng.choice([0.002, 0.012, 0.022, 0.03], p=[0.2, 0.35, 0.3, 0.15])),
        loose_bottoms_m=float(
            rng.choice([0.0, 0.012, 0.024, 0.034], p=[0.6, 0.2, 0.15, 0.05] if long else [0.25, 0.3, 0.3, 0.15])
        ),
        stripes=(float(rng.random() < 0.15), rng.uniform(4, 14)),
        belt=bool(rng.random() < 0.3),
    )


def eyes(body: Body) -> tuple[Array, Array, Array]:
    """(3,) centres of the left and right eye, and halfway between."""
    left, right = (body.rest[np.unique(baked()[f"triangles_{s}_eye"])].mean(0).astype(float) for s in "lr")
    return left, right, (left + right) / 2


def step(low: float, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def scalp(body: Body) -> Array:
    """(n,) 0-1: where hair grows."""
    head = np.asarray(weights()[:, bone_rows()["head"]].todense()).ravel() > 0.5
    middle = eyes(body)[2]
    x = body.rest - middle
    back = x[head & is_skin(), 1].max()
    depth = (x[:, 1] + 0.02) / (back + 0.02)
    line = np.where(
        depth < 0.35,
        np.interp(depth, [-0.1, 0.2, 0.3, 0.42], [0.07, 0.062, 0.02, -0.01]),
        np.interp(depth, [0.42, 0.6, 1.0], [-0.01, -0.05, -0.085]),
    )
    return np.asarray(head * step(0, 0.03, x[:, 2] - line + 0.01) * (baked()["mask_ears"] < 77))


def paint(body: Body, look: Look) -> Array:
    """(n, 3) colour of the skin."""
    masks = {k: baked()[f"mask_{k}"].astype(float)[:, None] / 255 for k in ("lips", "nails")}
    colour = np.broadcast_to(look.skin, (len(body.rest), 3)).copy()
    colour = colour * (1 - masks["lips"]) + masks["lips"] * look.skin * [0.85, 0.5, 0.5]
    colour = colour * (1 - 0.5 * masks["nails"]) + 0.5 * masks["nails"] * [0.85, 0.65, 0.6]
    head = np.asarray(weights()[:, bone_rows()["head"]].todense()).ravel() > 0.5
    left, _, middle = eyes(body)
    apart = abs(left[0])
    x = body.rest - middle
    brow_z = 0.021 + 0.006 * np.cos((np.abs(x[:, 0]) - apart) / 0.02)
    brows = head * np.exp(-(((x[:, 2] - brow_z) / 0.0065) ** 2)) * step(0.012, 0.018, np.abs(x[:, 0]))
    brows = brows * (1 - step(apart + 0.018, apart + 0.026, np.abs(x[:, 0]))) * (x[:, 1] < 0.01) * 0.8
    beard = head * step(0.04, 0.06, -x[:, 2]) * (x[:, 2] < -0.045) * (x[:, 2] > -0.14) * (x[:, 1] < 0.06)
    beard = beard * (1 - masks["lips"][:, 0]) * look.beard
    for share, tone in ((brows, look.hair * 0.8), (beard, look.hair), (scalp(body) * 0.75, look.hair)):
        colour = colour * (1 - share[:, None]) + share[:, None] * tone
    return np.asarray(colour)
