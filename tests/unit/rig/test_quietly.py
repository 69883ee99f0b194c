"""Of a failed command's output one line says why, and names where the rest is."""

import subprocess
import sys
from pathlib import Path

import pytest

from rig.quietly import FailedError, reason, run

NO_NAME_SERVER = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by \
'NewConnectionError('<HTTPSConnection(host='pypi.org', port=443) at 0x7f>: Failed to establish a \
new connection: [Errno -3] Temporary failure in name resolution')': /simple/hatchling/
ERROR: Could not find a version that satisfies the requirement hatchling (from versions: none)
ERROR: No matching distribution found for hatchling
"""
WITHOUT_A_COMPILER = """\
building 'pbxbilling' extension
gcc -pthread -Wno-unused-result -c build/__native.c
error: command 'gcc' failed: No such file or directory

ERROR Backend subprocess exited when trying to invoke build_wheel
"""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (NO_NAME_SERVER, "cannot be reached ([Errno -3] Temporary failure in name resolution)"),
        (NO_NAME_SERVER.partition("\nERROR")[2], "index that pip knows of has hatchling, or none"),
        (WITHOUT_A_COMPILER, "error: command 'gcc' failed: No such file or directory"),
        ("ERROR: one\nERROR: No space left on device\nhint: see above\n", "No space left"),
        ("ERROR: no space\nerror: subprocess-exited-with-error\nnote: none\n", "ERROR: no space"),
        ("something\nelse\n\n", "else"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_one_line(said: str, why: str) -> None:
    line = reason(said)
    assert why in line
    assert "\n" not in line


def test_what_succeeds_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run([sys.executable, "-c", "print('much')"], tmp_path / "new/log", cwd=tmp_path)
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "new/log").read_text() == "much\n"


@pytest.mark.parametrize("in_ci", [False, True])
def test_what_fails_names_its_log_and_in_ci_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], in_ci: bool
) -> None:
    monkeypatch.setenv("CI", "true" if in_ci else "")
    failing = [sys.executable, "-c", "print('much'); raise SystemExit('error: this')"]
    with pytest.raises(FailedError) as failed:
        run(failing, tmp_path / "log", cwd=tmp_path)
    assert str(failed.value) == f"error: this [all of it: {tmp_path}/log]"
    assert ("much" in capfd.readouterr().err) == in_ci


def test_a_failed_command_ends_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rig.quietly", tmp_path / "log", "sh", "-c", "echo no >&2; exit 3"],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == 1
    assert done.stderr == f"sh -c 'echo no >&2; exit 3': no [all of it: {tmp_path}/log]\n"
