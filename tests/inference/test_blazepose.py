import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.camera.clip import Clip
from device.camera.frames import Frame
from device.errors import ModelError
from device.inference import fetch, models, surface
from device.inference.blazepose import BlazePose
from device.inference.detector import PersonDetector
from device.inference.landmarks import LANDMARKS
from device.inference.pose_model import PoseModel, open_pose_model
from device.inference.squatlight_pose import crop_around
from device.squat.pose import BAR_ENDS, JOINTS, SURFACES, Pose, index

SHARED = Path(__file__).parents[2].parent / "shared"  # measured data beside the repository, where there is some
HIPS, SHOULDERS = index("left_hip", "right_hip"), index("left_shoulder", "right_shoulder")
KNEES, SURFACE_ROWS, BAR_END_ROWS = index("left_knee", "right_knee"), index(*SURFACES), index(*BAR_ENDS)
LEGS = np.concatenate([HIPS, KNEES, index("left_ankle", "right_ankle")])

pytestmark = pytest.mark.usefixtures("pose_files")


@pytest.fixture
def model() -> Iterator[PoseModel]:
    opened = open_pose_model("blazepose", surfaces=True)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def seen(demo_clip: Path, pose_files: None) -> list[tuple[Frame, Pose | None]]:
    model = open_pose_model("blazepose", surfaces=True)
    with Clip(demo_clip) as clip:
        found = [(replace(frame, image=frame.image[:1, :1]), look(model, frame)) for frame in clip.frames()]
    model.close()
    return found


def frames(path: Path, count: int) -> list[Frame]:
    with Clip(path) as clip:
        return [frame for frame, _ in zip(clip.frames(), range(count), strict=False)]


def look(model: PoseModel, frame: Frame) -> Pose | None:
    """As the loop does."""
    pose = model.estimate(frame)
    model.look_around(frame)
    return pose


def test_the_lifter_is_found_in_the_demo_clip(seen: list[tuple[Frame, Pose | None]]) -> None:
    assert np.mean([pose is not None for _, pose in seen]) >= 0.97


def test_a_pose_has_the_shapes_units_and_gaps_that_it_promises(
    seen: list[tuple[Frame, Pose | None]], demo_clip: Path
) -> None:
    for frame, pose in seen:
        if pose is None:
            continue
        assert (pose.captured_s, pose.index, pose.size) == (frame.captured_s, frame.index, (640, 480))
        assert pose.keypoints.shape == (23, 2)
        assert pose.world.shape == (23, 3)
        assert pose.keypoints.dtype == pose.scores.dtype == pose.world.dtype == np.float32
        joints = slice(0, len(JOINTS))
        assert np.isfinite(pose.keypoints[joints]).all()
        assert np.isnan(pose.keypoints[BAR_END_ROWS]).all()  # a point the model lacks is NaN, never 0
        assert np.isnan(pose.world[len(JOINTS) :]).all()
        assert (pose.scores[BAR_END_ROWS] == 0).all()
        assert (pose.scores >= 0).all()
        assert (pose.scores <= 1).all()
        assert np.abs(pose.world[HIPS].mean(0)).max() < 0.03  # origin between the hips
        assert pose.world[SHOULDERS, 1].mean() < -0.2  # y down: shoulders over hips


def test_hip_creases_and_knee_tops_lie_at_the_hips_and_knees(seen: list[tuple[Frame, Pose | None]]) -> None:
    poses = [pose for _, pose in seen if pose is not None]
    points, scores = (np.array([getattr(pose, name) for pose in poses]) for name in ("keypoints", "scores"))
    torso_px = np.median(np.linalg.norm(points[:, SHOULDERS].mean(1) - points[:, HIPS].mean(1), axis=-1))
    assert np.isfinite(points[:, SURFACE_ROWS]).all()
    assert ((scores[:, SURFACE_ROWS] > 0) & (scores[:, SURFACE_ROWS] < 1)).all()
    for pair, joints in ((SURFACE_ROWS[:2], HIPS), (SURFACE_ROWS[2:], KNEES)):
        off_px = np.linalg.norm(points[:, pair] - points[:, joints], axis=-1)
        assert 0 < np.median(off_px) < 0.4 * torso_px


def test_a_head_that_finds_other_points_is_refused() -> None:
    head = models.find(surface.NAME)
    more = {**head.more, "points": head.more["points"][:4]}
    with pytest.raises(ModelError, match=r"finds the points \['left_hip_crease', .*\], expected"):
        surface.SurfaceHead(replace(head, more=more))


@pytest.mark.parametrize("requires", [[], ["another landmark model"]])
def test_a_head_that_was_made_for_another_model_is_left_out(
    demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requires: list[str]
) -> None:
    (frame,) = frames(demo_clip, 1)
    with_head = open_pose_model("blazepose", surfaces=True)
    head, shipped = models.find(surface.NAME), with_head.estimate(frame)
    with_head.close()
    for name in fetch.SOURCES:
        for end in ("tflite", "json"):
            (tmp_path / f"{name}.{end}").symlink_to(models.find(name).path.with_suffix(f".{end}"))
    (tmp_path / "surface.tflite").symlink_to(head.path)
    (tmp_path / "surface.json").write_text(json.dumps({**head.more, "requires": requires}))
    monkeypatch.setenv("SQUATLIGHT_MODELS", str(tmp_path))
    without = open_pose_model("blazepose")
    pose = without.estimate(frame)
    without.close()
    assert pose.refined is None
    assert np.isnan(pose.keypoints[SURFACE_ROWS]).all()
    assert (pose.scores[SURFACE_ROWS] == 0).all()
    np.testing.assert_array_equal(pose.keypoints[: len(JOINTS)], shipped.keypoints[: len(JOINTS)])
    assert surface.NAME in with_head.hashes
    assert surface.NAME not in without.hashes
    with pytest.raises(ModelError, match=r"hip creases and knee tops: .* was not made for"):
        open_pose_model("blazepose", surfaces=True)


def test_the_hips_go_down_and_up_as_the_truth_says(seen: list[tuple[Frame, Pose | None]], demo_clip: Path) -> None:
    truth = json.loads(demo_clip.with_suffix(".json").read_text("utf-8"))
    at_s = np.array([frame.captured_s for frame, _ in seen])
    rows = np.array([np.nan if pose is None else pose.keypoints[HIPS, 1].mean() for _, pose in seen])
    for rep in truth["reps"]:
        inside = (at_s > rep["start_s"]) & (at_s < rep["lockout_s"])
        low = at_s[inside][rows[inside] > np.nanmax(rows[inside]) - 4].mean()
        assert low == pytest.approx(rep["bottom_s"], abs=0.15)


def test_the_same_frames_give_the_same_poses(demo_clip: Path, model: PoseModel) -> None:
    pictures, again = frames(demo_clip, 12), open_pose_model("blazepose", surfaces=True)
    for frame in pictures:
        one, other = model.estimate(frame), again.estimate(frame)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.world, other.world)
    again.close()


def test_an_empty_picture_has_no_lifter(model: PoseModel) -> None:
    for at in range(3):
        assert look(model, Frame(np.full((480, 640, 3), 90, np.uint8), at / 30, at)) is None


def test_a_lifter_who_is_gone_is_not_seen_and_is_found_again(demo_clip: Path, model: PoseModel) -> None:
    pictures = frames(demo_clip, 20)
    empty = np.full_like(pictures[0].image, 90)
    for frame in pictures[:5]:
        assert look(model, frame) is not None
    for frame in pictures[5:15]:
        assert look(model, replace(frame, image=empty)) is None
    assert look(model, pictures[15]) is not None


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_camera_that_is_opened_anew_at_another_size_shows_the_same_lifter(
    demo_clip: Path, model: PoseModel, scale: float
) -> None:
    pictures = frames(demo_clip, 12)
    poses = [look(model, frame) for frame in pictures[:11]]
    other = cv2.resize(pictures[11].image, None, fx=scale, fy=scale)
    found = model.estimate(replace(pictures[11], image=other))
    assert found is not None
    apart = np.abs(found.keypoints[HIPS] / scale - poses[-1].keypoints[HIPS])
    assert apart.max() < 15


def panel(image: np.ndarray) -> np.ndarray:
    """A narrow strip of the picture around the lifter."""
    return image[:, 170:470]


def test_of_several_people_the_one_nearest_the_centre_is_the_lifter(demo_clip: Path, model: PoseModel) -> None:
    (frame,) = frames(demo_clip, 1)
    three = replace(frame, image=np.hstack([panel(frame.image)] * 3))
    pose = model.estimate(three)
    assert 300 < pose.keypoints[HIPS, 0].mean() < 600


def test_who_is_the_lifter_stays_the_lifter_when_another_stands_in_the_centre(
    demo_clip: Path, model: PoseModel
) -> None:
    pictures = frames(demo_clip, 12)
    for at, frame in enumerate(pictures):
        strip = panel(frame.image)
        wall = np.full_like(strip, 120)
        wide = np.hstack([wall, strip if at >= 4 else wall, strip])  # from frame 4 on another in the middle
        if at == 8:
            wide[:] = 120  # and then the lights go out for a moment
        pose = look(model, replace(frame, image=wide))
        if at != 8:
            assert pose.keypoints[HIPS, 0].mean() > 600, at


def beside(frame: Frame, middle: np.ndarray) -> np.ndarray:
    """A picture with `middle` in its middle and the lifter of a frame, at half his size, at its right."""
    strip = panel(frame.image)
    small = cv2.resize(strip, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wall = np.full_like(strip, 120)
    wide = np.hstack([wall, middle, wall])
    wide[200 : 200 + small.shape[0], -small.shape[1] :] = small
    return wide


def test_a_lifter_whose_head_a_plate_hides_is_found_in_the_middle(demo_clip: Path, model: PoseModel) -> None:
    (frame,) = frames(demo_clip, 1)
    straight = model.estimate(frame)
    x, y = (round(float(v)) for v in straight.keypoints[0])
    hidden = frame.image.copy()
    cv2.circle(hidden, (x, y), 80, (30, 30, 120), -1)
    other = open_pose_model("blazepose")
    pose = other.estimate(replace(frame, image=beside(frame, panel(hidden))))
    other.close()
    assert 300 < pose.keypoints[HIPS, 0].mean() < 600


def test_a_bystander_is_left_for_a_lifter_who_comes(demo_clip: Path, model: PoseModel) -> None:
    pictures = frames(demo_clip, 16)
    at = []
    for row, frame in enumerate(pictures):
        strip = panel(frame.image)
        wide = beside(frame, strip if row >= 5 else np.full_like(strip, 120))
        pose = look(model, replace(frame, image=wide, captured_s=row * 0.3))
        at.append(float(pose.keypoints[HIPS, 0].mean()))
    assert min(at[:5]) > 700  # the bystander
    assert 300 < at[-1] < 600


def test_another_is_followed_when_told_to_and_not_for_having_been_looked_at(demo_clip: Path, model: PoseModel) -> None:
    assert isinstance(model, BlazePose)
    pictures = [replace(f, image=np.hstack([panel(f.image)] * 3)) for f in frames(demo_clip, 6)]
    middle = model.estimate(pictures[0])
    width = pictures[0].image.shape[1] / 3
    crop = crop_around(middle.keypoints[: len(JOINTS)])
    found = model.sees(pictures[0], replace(crop, centre=(crop.centre[0] + width, crop.centre[1])))
    assert found[0].keypoints[HIPS, 0].mean() == pytest.approx(middle.keypoints[HIPS, 0].mean() + width, abs=10)
    for frame in pictures[1:3]:
        assert width < look(model, frame).keypoints[HIPS, 0].mean() < 2 * width
    model.follow(pictures[2], found[1])
    for frame in pictures[3:]:
        assert 2 * width < look(model, frame).keypoints[HIPS, 0].mean()
    wall = replace(pictures[0], image=np.full_like(pictures[0].image, 120))
    assert model.sees(wall, found[1]) is None


def test_no_pose_waits_while_others_are_looked_for(
    demo_clip: Path, model: PoseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, during = [], ["the first pose"]
    people = PersonDetector.people

    def counted(self: PersonDetector, image: np.ndarray) -> list:
        looked.append(during[0])
        return people(self, image)

    monkeypatch.setattr(PersonDetector, "people", counted)
    for row, frame in enumerate(frames(demo_clip, 12)):
        timed = replace(frame, captured_s=row * 0.3)
        assert model.estimate(timed) is not None
        during[0] = "after it"
        model.look_around(timed)
        during[0] = "a pose"
    assert looked[0] == "the first pose"
    assert set(looked[1:]) == {"after it"}
    assert len(looked) > 3


def test_the_pose_of_a_turned_picture_has_its_world_turned_too(demo_clip: Path, model: PoseModel) -> None:
    """The crop follows a lifter who leans; the world's axes stay the camera's."""
    frame = frames(demo_clip, 1)[0]
    height, width = frame.image.shape[:2]
    turned, straight = open_pose_model("blazepose"), model.estimate(frame)
    lean = cv2.getRotationMatrix2D((width / 2, height / 2), -20, 1)  # clockwise in the picture
    image = cv2.warpAffine(frame.image, lean, (width, height), borderMode=cv2.BORDER_REPLICATE)
    for at in range(4):
        pose = turned.estimate(replace(frame, image=image, captured_s=at / 30, index=at))
    turned.close()

    def trunk_deg(points: np.ndarray) -> float:
        right, down = (points[SHOULDERS].mean(0) - points[HIPS].mean(0))[:2]
        return float(np.degrees(np.arctan2(right, -down)))

    assert trunk_deg(pose.keypoints) - trunk_deg(straight.keypoints) == pytest.approx(20, abs=6)
    assert trunk_deg(pose.world) - trunk_deg(straight.world) == pytest.approx(20, abs=8)


AGREE = {"v301": 0.03, "v309": 0.03, "v185": 0.03}  # median distance over joints and frames, of the torso's length


@pytest.mark.parametrize("clip", AGREE)
def test_keypoints_agree_with_those_of_mediapipe_itself(clip: str, model: PoseModel) -> None:
    """Its smoothing differs: the picture's joints must agree, not their shiver."""
    stored = SHARED / "data" / "mediapipe_landmarks" / f"{clip}.npz"
    if not stored.is_file():
        pytest.skip("no measured landmarks in ../shared")
    manifest = json.loads((SHARED / "clips" / "manifest.json").read_text("utf-8"))
    path = next(row["file"] for row in manifest if row["id"] == clip)
    with np.load(stored) as data:
        reference = data["lm"][:, LANDMARKS, :2]
    with Clip(SHARED / "clips" / path) as source:
        poses = [look(model, frame) for frame in source.frames()]
    assert len(poses) == len(reference)
    ours = np.array([np.full((17, 2), np.nan) if pose is None else pose.keypoints[:17] for pose in poses])
    assert np.isfinite(ours[:, 0, 0]).mean() >= np.isfinite(reference[:, 0, 0]).mean() - 0.03
    torso_px = np.nanmedian(np.linalg.norm(reference[:, 1:3].mean(1) - reference[:, 7:9].mean(1), axis=-1))
    assert np.nanmedian(np.linalg.norm(ours - reference, axis=-1)) <= AGREE[clip] * torso_px


def test_an_unknown_pose_model_is_refused(squatlight: Callable) -> None:
    assert squatlight("replay", "x.mp4", "--pose", "openpose").returncode == 2


def test_surface_points_are_found_anew_now_and_then_and_move_with_their_joints_between(
    demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[float] = []
    find = surface.SurfaceHead.find
    monkeypatch.setattr(
        surface.SurfaceHead, "find", lambda self, features: (ran.append(now_s), find(self, features))[1]
    )
    with Clip(demo_clip) as clip:
        pictures = [frame for frame in clip.frames() if 1.5 <= frame.captured_s < 3]  # on his way down and up
    rare, each = open_pose_model("blazepose", surfaces=True), open_pose_model("blazepose", surfaces=True)
    off, apart = [], []
    for frame in pictures:
        now_s = frame.captured_s
        one = rare.estimate(frame)
        at_once = len(ran)
        each._beside = None  # type: ignore[attr-defined]
        other = each.estimate(frame)
        del ran[at_once:]
        assert one is not None
        assert other is not None
        assert np.isfinite(one.keypoints[SURFACE_ROWS]).all()
        torso = np.linalg.norm(one.keypoints[HIPS].mean(0) - one.keypoints[SHOULDERS].mean(0))
        assert one.refined is not None
        assert other.refined is not None
        assert np.isfinite(one.refined).all()
        points = [np.concatenate([pose.keypoints[SURFACE_ROWS], pose.refined[LEGS]]) for pose in (one, other)]
        off += (np.linalg.norm(points[0] - points[1], axis=-1) / torso).tolist()
        apart.append(np.linalg.norm(one.refined[LEGS] - one.keypoints[LEGS], axis=-1) / torso)
    assert np.diff(ran) == pytest.approx(2 / 30, abs=0.005)
    assert 0 < np.max(off) < 0.15
    assert np.mean(off) < 0.015
    assert 0 < np.median(apart) < 0.12, "of the same joints, as another sees them"
    rare.close()
    each.close()


def test_surface_points_are_not_carried_to_whom_is_found_anew(demo_clip: Path, model: PoseModel) -> None:
    frame = frames(demo_clip, 1)[0]
    one = model.estimate(frame)
    assert one is not None
    far = surface.Found(*(np.full(shape, 9.0, np.float32) for shape in ((4, 2), 4, (17, 2))))
    model._beside = (frame.captured_s, far)  # type: ignore[attr-defined]
    model._crop = None  # type: ignore[attr-defined]
    other = model.estimate(replace(frame, captured_s=frame.captured_s + 0.01))
    assert other is not None
    torso = np.linalg.norm(one.keypoints[HIPS].mean(0) - one.keypoints[SHOULDERS].mean(0))
    assert np.abs(other.keypoints[SURFACE_ROWS] - one.keypoints[SURFACE_ROWS]).max() < 0.3 * torso


def test_surface_points_are_found_anew_where_time_goes_back(demo_clip: Path, model: PoseModel) -> None:
    first, *_ = frames(demo_clip, 1)
    late = replace(first, captured_s=first.captured_s + 50)
    model.estimate(late)
    _, off = model._beside  # type: ignore[attr-defined]
    model._beside = (late.captured_s, replace(off, points=off.points + 9))  # type: ignore[attr-defined]
    pose = model.estimate(first)
    assert pose is not None
    assert np.abs(pose.keypoints[SURFACE_ROWS] - pose.keypoints[HIPS].mean(0)).max() < 640
