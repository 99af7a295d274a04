"""Makes the bundled demo clip again: `python -m convert.synth.demo device/demo` writes squat.webm and squat.json."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from convert.datasets.synthetic import SyntheticClip
from convert.synth.produce import produce
from convert.synth.recipe import read

RECIPE = Path(__file__).parents[1] / "recipes" / "synth-demo.toml"


def make_demo(folder: Path) -> dict[str, object]:
    """Renders the demo into `folder`; gives what squat.json says."""
    with tempfile.TemporaryDirectory() as work:
        produce(read(RECIPE), Path(work))
        clip = SyntheticClip.all_in(Path(work))[0]
        about = clip.truth().about
        names = ("start_s", "bottom_s", "lockout_s", "depth", "margin_cm")
        says = {
            "reps": [{name: rep[name] for name in names} for rep in about["reps"]],
            "height_cm": round(100 * about["stature_m"]),
            "fps": about["fps"],
            "view_deg": about["view_deg"],
        }
        shutil.copyfile(clip.video, folder / "squat.webm")
    (folder / "squat.json").write_text(json.dumps(says, indent=1) + "\n")
    return says


if __name__ == "__main__":
    print(json.dumps(make_demo(Path(sys.argv[1]))))
