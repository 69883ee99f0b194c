"""The shipped unit, checked by systemd's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

DEPLOY = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = DEPLOY / "pbxbilling.service"


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"no {tool}: install Debian's systemd")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_verify_finds_nothing_to_say(tmp_path: Path) -> None:
    # The program need not be installed for the unit to be right.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/pbxbilling/bin/pbxbilling", "/bin/true"))
    done = run("systemd-analyze", "verify", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_verify_would_say_what_is_wrong(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/pbxbilling/bin/pbxbilling", "/bin/true")
    copy.write_text(text.replace("WatchdogSec=5s", "WatchdogSec=often"))
    done = run("systemd-analyze", "verify", str(copy))
    assert "Failed to parse sec value, ignoring: often" in done.stderr


def test_the_exposure_is_at_most_two() -> None:
    done = run("systemd-analyze", "security", "--offline=yes", str(UNIT))
    found = re.search(r"Overall exposure level for pbxbilling\.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= 2.0


def test_sysusers_makes_the_user_and_puts_it_into_asterisk_s_group(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    rules = DEPLOY / "pbxbilling.sysusers.conf"
    done = run("systemd-sysusers", f"--root={tmp_path}", str(rules))
    assert done.returncode == 0, done.stderr
    groups = (tmp_path / "etc" / "group").read_text()
    users = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^asterisk:x:\d+:pbxbilling$", groups, flags=re.MULTILINE)
    assert re.search(r"^pbxbilling:.*:/var/lib/pbxbilling:.*nologin$", users, flags=re.MULTILINE)


def test_the_secret_that_the_example_names_is_handed_over() -> None:
    example = UNIT.parents[2] / "config" / "pbxbilling.example.toml"
    name = re.search(r'^secret_file = "(.+)"', example.read_text(), flags=re.MULTILINE)
    assert name is not None
    assert f"LoadCredential={name[1]}:/etc/pbxbilling/{name[1]}" in UNIT.read_text()
