"""A pool whose owner is killed leaves nobody behind; jobs give the same in one process and in several."""

import operator
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convert.pool import mapped, pool

ROOT = Path(__file__).parents[2]
OWNER = """
import os, sys
from convert.pool import pool
if __name__ == "__main__":
    with pool(1) as workers:
        print(workers.submit(os.getpid).result(), flush=True)
        sys.stdin.read()
"""
LEFT_S = 20.0


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds; one that nobody has buried yet has ended, too."""
    with subprocess.Popen(["tail", f"--pid={pid}", "-f", os.devnull]) as watching:
        try:
            watching.wait(LEFT_S)
        except subprocess.TimeoutExpired:
            watching.kill()
            return False
    return True


def test_workers_end_with_an_owner_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as owner:
        assert owner.stdout is not None
        worker = int(owner.stdout.readline())
        owner.kill()
        assert gone(worker)


def test_each_worker_begins_with_what_all_share(tmp_path: Path) -> None:
    with pool(1, os.chdir, tmp_path) as workers:
        assert workers.submit(os.getcwd).result() == str(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_are_answered_in_their_order_each_with_what_all_share(workers: int) -> None:
    assert list(mapped(operator.sub, range(9), workers, 100)) == [k - 100 for k in range(9)]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_reaches_who_asked(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(mapped(operator.truediv, [1, 2], workers, 0))
