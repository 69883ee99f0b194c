"""The shipped units, checked by systemd's own tools."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import create

pytestmark = pytest.mark.system

DEPLOY = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = DEPLOY / "pbxbilling.service"
WEB = DEPLOY / "pbxbilling-web.service"
each_unit = pytest.mark.parametrize("unit", [UNIT, WEB], ids=lambda one: one.stem)


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"no {tool}: install Debian's systemd")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=patience_s(60), check=False
    )


@each_unit
def test_verify_finds_nothing_to_say(unit: Path, tmp_path: Path) -> None:
    # The program need not be installed for the unit to be right.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/pbxbilling/bin/pbxbilling", "/bin/true"))
    done = run("systemd-analyze", "verify", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_verify_would_say_what_is_wrong(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/pbxbilling/bin/pbxbilling", "/bin/true")
    copy.write_text(text.replace("WatchdogSec=5s", "WatchdogSec=often"))
    done = run("systemd-analyze", "verify", str(copy))
    assert "Failed to parse sec value, ignoring: often" in done.stderr


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return what the unit sets, the values of a repeated key together."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), flags=re.MULTILINE):
        found.setdefault(key, []).extend(value.split())
    return found


@each_unit
def test_the_exposure_is_at_most_1_4(unit: Path) -> None:
    """All of it is the network, AF_UNIX, users with names, and the worker's own bounds."""
    done = run("systemd-analyze", "security", "--offline=yes", str(unit))
    found = re.search(rf"Overall exposure level for {unit.name}: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= 1.4


def test_the_web_process_gets_no_secret_no_journal_and_no_right_of_asterisk() -> None:
    web = settings_of(WEB)
    assert "LoadCredential" not in web
    assert (web["User"], web["SupplementaryGroups"]) == (["pbxbilling-web"], ["pbxbilling"])
    assert set(settings_of(UNIT)["InaccessiblePaths"]) < set(web["InaccessiblePaths"])


def test_sysusers_makes_the_users_and_puts_them_into_their_groups(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    rules = DEPLOY / "pbxbilling.sysusers.conf"
    done = run("systemd-sysusers", f"--root={tmp_path}", str(rules))
    assert done.returncode == 0, done.stderr
    groups = (tmp_path / "etc" / "group").read_text()
    users = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^asterisk:x:\d+:pbxbilling$", groups, flags=re.MULTILINE)
    assert re.search(r"^pbxbilling:x:\d+:pbxbilling-web$", groups, flags=re.MULTILINE)
    assert re.search(r"^pbxbilling:.*:/var/lib/pbxbilling:.*nologin$", users, flags=re.MULTILINE)


def test_the_secret_that_the_example_names_is_handed_over() -> None:
    example = UNIT.parents[2] / "config" / "pbxbilling.example.toml"
    name = re.search(r'^secret_file = "(.+)"', example.read_text(), flags=re.MULTILINE)
    assert name is not None
    assert f"LoadCredential={name[1]}:/etc/pbxbilling/{name[1]}" in UNIT.read_text()
    # Without a PBX there is no secret, and a LoadCredential= without its file starts nothing.
    assert f"SetCredential={name[1]}:\\n\n" in UNIT.read_text()


def test_asterisks_group_gives_the_journal_and_no_secret() -> None:
    """The daemon reads nothing else of Asterisk's, whatever the mode of the files is."""
    hidden = [Path(one.removeprefix("-")) for one in settings_of(UNIT)["InaccessiblePaths"]]
    example = UNIT.parents[2] / "config" / "pbxbilling.example.toml"
    journal = re.search(r'^cel_csv = "(.+)"', example.read_text(), flags=re.MULTILINE)
    assert journal is not None
    for path in (journal[1], "/etc/pbxbilling", "/var/lib/pbxbilling", "/run/pbxbilling"):
        assert not any(Path(path).is_relative_to(one) for one in hidden), path
    for path in ("/etc/asterisk/manager.conf", "/run/asterisk/asterisk.ctl", "/etc/freepbx.conf"):
        assert any(Path(path).is_relative_to(one) for one in hidden), path


OF_MOUNTS = re.compile(
    r"InaccessiblePaths|(Private|Protect)(?!Clock|Users)\w+|ProcSubset|(Load|Set)Credential"
)
"""What systemd mounts something for, or makes a namespace for; systemd.exec(5)."""


def test_the_drop_in_for_containers_drops_every_line_that_needs_a_mount() -> None:
    needed = {key for key in settings_of(UNIT) if OF_MOUNTS.fullmatch(key)}
    assert len(needed) == 15
    assert {key for key in settings_of(WEB) if OF_MOUNTS.fullmatch(key)} <= needed
    dropped = settings_of(UNIT.with_name("unprivileged-container.conf"))
    assert set(dropped) == needed
    neutral = {"no", "default", "all"}
    assert all(not value or set(value) <= neutral for value in dropped.values())
    for page in ("docs/guides/packages.md", "deploy/debian/README.Debian"):
        text = (UNIT.parents[2] / page).read_text()
        assert [key for key in needed if key not in text] == []


def test_a_leak_is_bounded_and_the_unit_says_why_users_are_not_private() -> None:
    unit = settings_of(UNIT)
    assert unit["MemoryMax"] == ["2G"]
    assert unit["TasksMax"] == ["128"]
    assert "PrivateUsers" not in unit  # the audit would name everybody "nobody"


def test_the_daemon_needs_no_more_of_proc_than_the_unit_shows(tmp_path: Path) -> None:
    """As ProcSubset=pid and ProtectProc=invisible: in a mount namespace with such a /proc."""
    assert settings_of(UNIT)["ProcSubset"] == ["pid"]
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    with VirtualSite(tmp_path) as site:
        create(site.database)
        serve = [sys.executable, "-m", "pbxbilling.cli.main", "serve", "-c", str(site.config)]
        mount = "mount -t proc -o subset=pid,hidepid=invisible proc /proc && test ! -e /proc/stat"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
        log = (tmp_path / "daemon.log").open("wb")
        with (
            log,
            subprocess.Popen(
                [*command, f'{mount} && exec "$@"', "sh", *serve], stdout=log, stderr=log
            ) as daemon,
        ):
            try:
                until(lambda: site.socket.exists() or daemon.poll() is not None, "it listens", 60)
                assert daemon.poll() is None, site.log()
                until(lambda: site.json("status")["ready"], "the daemon is ready", 30)
                site.apply('[plan.p]\n[tenant.acme]\nplan = "p"\n')
                site.call("acme", ring_s=0, talk_s=60)
                site.up(1)
                assert site.metric("pbxbilling_agi_sessions_total") == 1
                assert site.json("tenant", "show", "acme")["audit"][0]["actor"] == "root"
                site.idle()
            finally:
                daemon.terminate()
