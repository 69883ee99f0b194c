"""How long a run took, and the warning where little time is left."""

import subprocess
import sys

import pytest

from rig.timed import verdict


@pytest.mark.parametrize("took_s", [0, 65 * 60])
def test_a_run_with_time_left_says_how_long_it_took(took_s: float) -> None:
    assert "WARNING" not in verdict(took_s)


def test_above_65_minutes_it_warns() -> None:
    line = verdict(65 * 60 + 1)
    assert line.startswith("took 65 min 01 s of 70 min: WARNING")


@pytest.mark.parametrize("status", [0, 3])
def test_the_exit_status_is_that_of_the_command(status: int) -> None:
    command = [sys.executable, "-c", f"raise SystemExit({status})"]
    run = subprocess.run(
        [sys.executable, "-m", "rig.timed", *command], capture_output=True, text=True, check=False
    )
    assert run.returncode == status
    assert run.stdout.startswith("took 0 min ")
