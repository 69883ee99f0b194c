"""The README's commands, cut out and run as they stand, on a machine that has only Asterisk."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rig import provision
from rig.waiting import patience_s
from tests.support.house.build import ROOT


@pytest.mark.soak
@pytest.mark.parametrize("site", ["plain", "freepbx"])
def test_a_newcomer_refuses_the_first_call_by_the_words_of_the_readme_alone(site: str) -> None:
    if reason := provision.obstacle():
        pytest.skip(f"no Asterisk: {reason}")
    done = subprocess.run(
        [sys.executable, "-m", "rig.newcomer", site],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience_s(900),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "status 486" in done.stdout
