"""`pbxbilling setup asterisk` where nobody has heard of us: set up, refused, undone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxbilling.setup.draft.document import FILE as DRAFT
from rig import plain, provision
from rig.asterisk import Asterisk
from rig.phone import Phone
from rig.site import claimed_block
from tests.support.setup.machine import Machine

pytestmark = pytest.mark.asterisk

ACCOUNTS = """
[plan.none]
max_calls = 0
[plan.open]
[tenant.acme]
plan = "none"
mode = "enforce"
accountcodes = ["acme"]
dids = ["+15550100"]
[tenant.globex]
plan = "open"
contexts = ["from-globex"]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with (
        claimed_block() as block,
        Asterisk(
            provision.ASTERISK_22, tmp_path / "asterisk", block, plain.settings(block)
        ) as asterisk,
    ):
        yield Machine(asterisk, tmp_path)


def test_from_nothing_to_the_first_refused_call_and_back(machine: Machine, tmp_path: Path) -> None:
    before = machine.files()
    state = tmp_path / "state"
    machine.env["PBXBILLING_DATABASE__URL"] = f"sqlite:///{state}/pbxbilling.db"
    said = machine.set_up("--yes")  # the daemon never ran, so nothing has made its folder
    assert "fail     database        schema" in said
    assert "next: start the daemon" in said
    assert machine.files() != before
    state.mkdir()  # as systemd does
    with machine.daemon():
        drafted = machine.says("apply", "--dry-run", str(machine.config.with_name(DRAFT)))
        assert {"acme", "globex"} <= set(re.findall(r"tenant (\w+)", drafted))
        (tmp_path / "accounts.toml").write_text(ACCOUNTS)
        machine.says("apply", str(tmp_path / "accounts.toml"))
        machine.says("doctor")
        block = machine.asterisk.block
        with (
            Phone(block.phone("acme"), block.pbx) as phone,
            Phone(block.carrier(), block.pbx, answers=True) as carrier,
        ):
            leg = phone.call("0155501")
            leg.wait("ended")
            assert leg.status == 486
            assert carrier.call("+15550100").wait("ended").status == 486
            assert not carrier.incoming
        told = machine.says("decisions", "--refused")
        assert "max_calls" in told
    machine.set_up("--undo")
    assert machine.files() == before


def test_it_is_shown_first_done_once_and_an_edit_of_the_site_outlives_it(
    machine: Machine,
) -> None:
    before = machine.files()
    shown = machine.set_up("--dry-run")
    assert "nothing was written: --dry-run" in shown
    assert "no terminal to ask on: say --yes" in machine.set_up(status=1)
    assert machine.files() == before

    machine.set_up("--yes")
    after = machine.files()
    written = {path for path, what in after.items() if before.get(path) != what}
    assert all(f"+++ {path}" in shown for path in written)
    secret = (machine.config.parent / "ami.secret").read_text().strip()
    assert secret not in shown
    assert "nothing to change" in machine.set_up("--yes")
    assert machine.files() == after

    dialplan = machine.etc / "extensions.conf"
    dialplan.write_text(dialplan.read_text() + "\n[new]\nexten => 500,1,Hangup()\n")
    told = machine.set_up("--undo")
    assert f"{dialplan}: restored; the edits made since are kept" in told
    assert dialplan.read_bytes() == before[dialplan][0] + b"\n[new]\nexten => 500,1,Hangup()\n"
    del before[dialplan]
    assert {path: what for path, what in machine.files().items() if path != dialplan} == before
    assert "500" in machine.asterisk.rx("dialplan show new")
    assert "no set-up to undo" in machine.set_up("--undo", status=1)
