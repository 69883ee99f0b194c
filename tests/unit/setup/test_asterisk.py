"""`setup asterisk` writes a draft of the accounts once, and takes back what nobody has edited."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pbxbilling.cli.main import UMASK
from pbxbilling.setup.asterisk import Request, SetupPlan, backups, plan, write
from pbxbilling.setup.draft.document import FILE
from pbxbilling.setup.files.backup import undo
from tests.support.kernel.clock import Clock
from tests.support.setup.sites import ScriptedConsole

PJSIP = """
[101]
type = endpoint
auth = 101
context = phones
accountcode = acme
[carrier]
type = endpoint
outbound_auth = carrier
context = from-carrier
"""
EXTENSIONS = """
[phones]
exten => _0.,1,Dial(PJSIP/${EXTEN}@carrier)
[from-carrier]
exten => +15550100,1,Dial(PJSIP/101)
"""


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    etc = tmp_path / "asterisk"
    etc.mkdir()
    (etc / "pjsip.conf").write_text(PJSIP)
    (etc / "extensions.conf").write_text(EXTENSIONS)
    config = tmp_path / "pbxbilling" / "pbxbilling.toml"
    return Request(config=config, etc=etc, console=ScriptedConsole())


def draft_of(planned: SetupPlan) -> list[str]:
    return [change.after for change in planned.changes if change.path.name == FILE]


def test_the_draft_is_shown_and_written_beside_the_configuration(request_: Request) -> None:
    planned = plan(request_)
    (text,) = draft_of(planned)
    path = request_.config.with_name(FILE)
    assert f"+++ {path}" in "".join(planned.shown())
    assert [one for one in planned.by_hand if f"pbxbilling apply {path}" in one]
    assert not path.exists()
    write(planned, Clock())
    assert path.read_text() == text
    assert tomllib.loads(text)["tenant"]["acme"] == {
        "plan": "draft",
        "name": "acme",
        "accountcodes": ["acme"],
        "contexts": ["phones"],
        "dids": ["+15550100"],
        "mode": "log",
    }


@pytest.fixture
def _umask_of_the_program() -> Iterator[None]:
    before = os.umask(UMASK)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask_of_the_program")
def test_the_daemon_can_read_its_configuration_and_nobody_a_secret(request_: Request) -> None:
    """It runs as a user of its own; systemd hands it the secret."""
    folder = request_.config.parent / "deeper"
    request = replace(request_, config=folder / "pbxbilling.toml")
    write(plan(request), Clock())
    modes = {
        str(path.relative_to(folder.parent)): path.stat().st_mode & 0o777
        for path in (folder.parent, folder, *folder.iterdir())
    }
    assert modes == {
        ".": 0o755,
        "deeper": 0o755,
        "deeper/pbxbilling.toml": 0o644,
        "deeper/ami.secret": 0o600,
        f"deeper/{FILE}": 0o600,
        "deeper/setup": 0o700,
    }


def test_a_configuration_that_is_there_keeps_its_rights(request_: Request) -> None:
    request_.config.parent.mkdir(mode=0o750)
    request_.config.write_text("")
    request_.config.chmod(0o640)
    write(plan(request_), Clock())
    assert request_.config.stat().st_mode & 0o777 == 0o640
    assert request_.config.parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("edited", [False, True])
def test_it_is_the_operators_once_it_is_there(request_: Request, edited: bool) -> None:
    write(plan(request_), Clock())
    path = request_.config.with_name(FILE)
    if edited:
        path.write_text(path.read_text() + "# mine\n")
    again = plan(request_)
    assert draft_of(again) == []
    assert not [one for one in again.by_hand if FILE in one]
    undo(backups(request_.config))
    assert path.exists() is edited
