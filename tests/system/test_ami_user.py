"""The shipped AMI user on a real Asterisk: it may do what the daemon needs, and no harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from pbxbilling.ami.rights import NEEDED, Action, beyond_need
from rig.ami import Ami, AmiError
from rig.asterisk import Asterisk
from rig.site import AMI_SECRET
from rig.waiting import until
from tests.support.daemon.daemon import Daemon
from tests.system.test_doctor import examined

pytestmark = pytest.mark.asterisk

SHIPPED = f"write = {NEEDED}\n"
OF_0_1 = "write = system,call,reporting\n"

HARMFUL = {
    "GetConfig": {"Filename": "manager.conf"},
    "GetConfigJSON": {"Filename": "manager.conf"},
    "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
    "ModuleLoad": {"Module": "app_mixmonitor.so", "LoadType": "reload"},
    "MixMonitor": {"Channel": "PJSIP/acme1-00000000", "Command": "id"},
    "DBPut": {"Family": "a", "Key": "b", "Val": "c"},
    "Originate": {"Channel": "Local/11@phones", "Application": "System", "Data": "id"},
    "Reload": {},
    "Command": {"Command": "core show uptime"},
    "DialplanExtensionAdd": {"Context": "a", "Extension": "s", "Priority": "1"},
}


def refusal(ami: Ami, action: str, **fields: str) -> str:
    """Return Asterisk's refusal of that action; nothing where it performs it."""
    try:
        ami.action(action, 10.0, **fields)
    except AmiError as error:
        return str(error)
    return ""


@contextmanager
def other_users(asterisk: Asterisk, before: str, after: str) -> Iterator[None]:
    """Change the shipped file for sessions that log in within the block."""
    path = asterisk.directory / "etc" / "manager_pbxbilling.conf"
    text = path.read_text()
    assert before in text
    try:
        path.write_text(text.replace(before, after))
        asterisk.rx("manager reload")
        yield
    finally:
        path.write_text(text)
        asterisk.rx("manager reload")


def test_every_action_in_use_is_allowed_to_the_shipped_user(each_asterisk: Asterisk) -> None:
    with Ami(each_asterisk.ami, "pbxbilling") as ami:
        allowed = ami.action("ListCommands")
        for action in get_args(Action):
            assert action in allowed
            if action not in {"Challenge", "Login"}:  # performed, successfully
                said = refusal(ami, action)
                assert "Permission denied" not in said
                assert "unknown" not in said


@pytest.mark.parametrize("action", HARMFUL)
def test_what_runs_programs_or_tells_secrets_is_denied(
    each_asterisk: Asterisk, action: str
) -> None:
    with Ami(each_asterisk.ami, "pbxbilling") as ami:
        assert refusal(ami, action, **HARMFUL[action]) == f"{action}: Permission denied"


def test_no_function_that_runs_programs_can_be_read(each_asterisk: Asterisk) -> None:
    with Ami(each_asterisk.ami, "pbxbilling") as ami:
        assert "Forbidden" in refusal(ami, "Getvar", Variable="SHELL(id)")


def test_each_unneeded_right_is_reported_by_its_name(each_asterisk: Asterisk) -> None:
    rights = ("system", "config", "command", "originate", "agi", "message", "user")
    users = {"": NEEDED, **{right: f"{NEEDED},{right}" for right in rights}, "all": "all"}
    more = "".join(
        f"\n[may-{name}]\nsecret = {AMI_SECRET}\nread = system\nwrite = {write}\n"
        for name, write in users.items()
    )
    with other_users(each_asterisk, "[pbxbilling]\n", f"{more}\n[pbxbilling]\n"):
        for name in users:
            with Ami(each_asterisk.ami, f"may-{name}") as ami:
                beyond = beyond_need(ami.action("ListCommands"))
            expected = rights if name == "all" else (name,) if name else ()
            assert beyond == expected


def test_a_site_with_the_rights_of_0_1_is_told_once_a_login_what_to_write(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    with other_users(each_asterisk, SHIPPED, OF_0_1), Daemon(each_asterisk, tmp_path) as daemon:
        (line,) = until(lambda: daemon.logged("manager user may do too much"), "it is told")
        assert (line["pbx"], line["user"], line["rights"]) == ("pbx1", "pbxbilling", ["system"])
        assert line["mend"].startswith("write = call,reporting in [pbxbilling] of manager.conf")
        assert daemon.metric("pbxbilling_ami_faults_total", pbx="pbx1", kind="excess_rights") == 1
        _, found = examined(daemon)
        assert found["pbx1", "rights"]["result"] == "warn"
        assert "system" in found["pbx1", "rights"]["found"]
        assert line["mend"] == found["pbx1", "rights"]["mend"]


def test_each_login_is_judged_by_its_own_rights(asterisk: Asterisk, tmp_path: Path) -> None:
    with Daemon(asterisk, tmp_path) as daemon:
        with other_users(asterisk, SHIPPED, OF_0_1):
            daemon.stop()
            daemon.start()
            until(lambda: daemon.logged("manager user may do too much"), "the next login is told")
        logins = len(daemon.logged("link up"))
        assert (logins, len(daemon.logged("manager user may do too much"))) == (2, 1)
