"""`python -m convert surface-sheet`: where surface points and joints are found on real clips, for a person to look at.

A tile for each labelled rep, at its bottom: hip creases red, knee tops yellow, pale where the score is below a half;
limbs between BlazePose's joints thin and grey, between the refined ones blue.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.clips import LabelledClip, read_manifest
from convert.outputs import new_file
from device.camera.clip import Clip
from device.camera.frames import Frame
from device.errors import InputError
from device.inference.letterbox import Crop
from device.inference.pose_model import open_pose_model
from device.squat.pose import LIMBS, SURFACES, Pose, index

TILE_PX, ACROSS = 256, 8
BEFORE_S = 1.0  # tracking begins so long before the bottom
COLOURS = {"hip_crease": (255, 40, 40), "knee_top": (255, 230, 0)}
GREY, BLUE = (190, 190, 190), (60, 130, 255)
_BODY = index("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")


def main(arguments: Sequence[str]) -> int:
    """Writes the sheet."""
    parser = argparse.ArgumentParser(prog="python -m convert surface-sheet", description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument("--split", choices=("tune", "test"), default="tune")
    parser.add_argument("--reps", type=int, default=1, help="of each clip")
    parser.add_argument("--out", type=new_file, required=True, metavar="PNG")
    asked = parser.parse_args(arguments)
    tiles = []
    for clip in tqdm(read_manifest(asked.clips, asked.split), unit="clip", disable=None):
        tiles += list(_tiles(clip, asked.reps))
    if not tiles:
        raise InputError(f"{asked.clips}: no whole rep with a pose in the {asked.split} split")
    reps = len(tiles)
    tiles += [np.zeros((TILE_PX, TILE_PX, 3), np.uint8)] * (-reps % ACROSS)
    sheet = np.vstack([np.hstack(tiles[at : at + ACROSS]) for at in range(0, len(tiles), ACROSS)])
    if not cv2.imwrite(str(asked.out), sheet[:, :, ::-1]):
        raise InputError(f"{asked.out}: cannot be written")
    print(f"{asked.out}: {reps} reps")
    return 0


def _tiles(clip: LabelledClip, reps: int) -> Iterator[NDArray[np.uint8]]:
    bottoms = [label.bottom_s for label in clip.labels if label.complete][:reps]
    if not bottoms:
        return
    model = open_pose_model(threads=1, surfaces=True)
    with Clip(clip.path) as source:
        for frame in source.frames():
            if not any(bottom - BEFORE_S <= frame.captured_s <= bottom for bottom in bottoms):
                continue
            pose = model.estimate(frame)
            model.look_around(frame)
            passed = [b for b in bottoms if frame.captured_s >= b - 0.5 / source.fps] if pose else []
            if pose is not None and passed:
                bottoms.remove(passed[0])
                yield _tile(frame, pose, clip.id)
            if not bottoms:
                break
    model.close()


def _tile(frame: Frame, pose: Pose, name: str) -> NDArray[np.uint8]:
    """The lifter's legs and trunk, cut out."""
    body = pose.keypoints[_BODY]
    middle = (body.min(0) + body.max(0)) / 2
    crop = Crop((float(middle[0]), float(middle[1])), float(1.5 * np.ptp(body, 0).max()))
    tile = crop.cut(frame.image, TILE_PX)
    matrix = crop.input_from_frame(TILE_PX)
    for joints, colour, width in ((pose.keypoints, GREY, 1), (pose.refined, BLUE, 2)):
        for limb in LIMBS if joints is not None else ():
            ends = (joints[index(*limb)] @ matrix[:, :2].T + matrix[:, 2]).round().astype(int)
            cv2.line(tile, ends[0].tolist(), ends[1].tolist(), colour, width, cv2.LINE_AA)
    for place in SURFACES:
        row = index(place)[0]
        at = matrix[:, :2] @ pose.keypoints[row] + matrix[:, 2]
        colour = COLOURS[place.partition("_")[2]]
        if pose.scores[row] < 0.5:
            colour = tuple(int(0.45 * c + 110) for c in colour)
        centre = (round(float(at[0])), round(float(at[1])))
        cv2.circle(tile, centre, 5, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(tile, centre, 4, colour, -1, cv2.LINE_AA)
        cv2.putText(tile, place[0].upper(), (centre[0] + 6, centre[1] + 4), 0, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    cv2.putText(tile, name, (4, 14), 0, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
