"""The program forked by the rig behaves as the installed one that is executed."""

import os
import subprocess
from pathlib import Path

import pytest

from rig import program
from rig.program import PROGRAM

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["no-such-command"],
        ["status", "-c", "/nowhere/pbxbilling.toml"],
        ["plans", "--help"],
    ],
)
def test_output_and_exit_status_are_those_of_the_executed_program(words: list[str]) -> None:
    forked = program.run(words, os.environ)
    executed = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    assert forked.returncode == executed.returncode
    assert (forked.stdout, forked.stderr) == (executed.stdout, executed.stderr)


def test_it_has_its_own_environment_alone(tmp_path: Path) -> None:
    config = tmp_path / "named-by-the-environment.toml"
    ran = program.run(["config", "check"], {**os.environ, "PBXBILLING_CONFIG": str(config)})
    assert ran.returncode == 1
    assert str(config) in ran.stderr
    assert "PBXBILLING_CONFIG" not in os.environ
