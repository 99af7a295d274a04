"""`python -m convert synth RECIPE --out DIR`."""

import argparse
import os
import sys
from pathlib import Path

from convert.outputs import new_folder
from convert.synth.recipe import read
from device.errors import SquatlightError


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    out = argparse.ArgumentParser(prog="python -m convert synth", description="Renders lifters with exact truth.")
    out.add_argument("recipe", type=Path, help="TOML file, e.g. convert/recipes/synth-short.toml")
    out.add_argument(
        "--out", type=new_folder, required=True, help="of videos, truth and sheets; continued where it was stopped"
    )
    out.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    out.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="a Dask scheduler instead of local processes")
    out.add_argument("--clips", type=int, help="how many clips, instead of the recipe's number")
    out.add_argument(
        "--sheet", action="store_true", help="also write sheet.jpg with the truth drawn in, and sheet-plain.jpg"
    )
    return out


def main(argv: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    from dataclasses import replace

    from convert.synth.coco import write_coco
    from convert.synth.produce import produce
    from convert.synth.sheet import sheet

    args = parser().parse_args(argv)
    try:
        recipe = read(args.recipe)
        if args.clips is not None:
            recipe = replace(recipe, output=replace(recipe.output, clips=max(args.clips, 1)))
        total = produce(recipe, args.out, max(args.workers, 1), args.scheduler)
        listed = write_coco(args.out)
        if args.sheet:
            sheet(args.out, args.out / "sheet.jpg")
            sheet(args.out, args.out / "sheet-plain.jpg", plain=True)
    except (SquatlightError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return getattr(error, "exit_code", 1)
    speed = ""
    if total["wall_s"]:
        per_s, per_cpu = total["frames"] / total["wall_s"], total["frames"] / total["cpu_s"]
        speed = f", {per_s:.1f} frames/s per worker, {per_cpu:.1f} per second of processor time"
    print(
        f"{total['clips']:.0f} clips, {total['frames']:.0f} frames made{speed}; {listed} frames in coco_keypoints.json",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
