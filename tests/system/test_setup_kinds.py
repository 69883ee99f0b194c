"""`pbxbilling setup asterisk` on what FreePBX, Wazo and MikoPBX have written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig import provision
from rig.asterisk import Asterisk
from rig.generated import BARE, FREEPBX_16, FREEPBX_17, MIKOPBX, WAZO, Generated, click_contexts
from rig.phone import Phone
from rig.site import claimed_block
from rig.waiting import until
from tests.support.setup.machine import Machine

pytestmark = pytest.mark.asterisk

OPEN, LIMITED = "0155501", "+15550131"
ACCOUNTS = """
[plan.none]
max_calls = 0
[plan.open]
[tenant.acme]
plan = "{plan}"
mode = "enforce"
accountcodes = ["acme"]
dids = ["+15550111"]
"""
FREEPBX_MAY_WRITE = {
    *("globals_custom.conf", "extensions_custom.conf", "manager_custom.conf"),
    *("cel_general_custom.conf", "cel_custom.conf"),
    *("extensions_pbxbilling.conf", "manager_pbxbilling.conf", "cel_custom_pbxbilling.conf"),
}
WAZO_MAY_WRITE = {
    *("manager.d/pbxbilling.conf", "cel.d/pbxbilling.conf", "extensions_extra.d/pbxbilling.conf"),
    *("cel_custom.conf", "cel_custom_pbxbilling.conf"),
}
OWNER = 1234
"""The user of the PBX' program, which owns its files."""


@contextmanager
def machine_of(
    frame: Generated, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[Machine]:
    """Yield a machine with such a PBX, whose files are all its program's own."""
    try:
        provision.chroot(frame.release)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {frame.release.major}: {reason}")
    with (
        claimed_block() as block,
        Asterisk(
            frame.release, folder / "asterisk", block, frame.settings(block, more)
        ) as asterisk,
    ):
        machine = Machine(asterisk, folder)
        for path in [machine.etc, *machine.etc.rglob("*")]:
            os.chown(path, OWNER, OWNER)
            path.chmod(0o775 if path.is_dir() else 0o664)
        yield machine


@contextmanager
def daemon_of(machine: Machine, plan: str) -> Iterator[None]:
    """Run the daemon, with acme on that plan."""
    with machine.daemon():
        apply(machine, plan)
        yield


def apply(machine: Machine, plan: str) -> None:
    """Put acme on that plan."""
    accounts = machine.config.parent / "accounts.toml"
    accounts.write_text(ACCOUNTS.format(plan=plan))
    machine.says("apply", str(accounts))


def changed(machine: Machine, before: Mapping[Path, object]) -> set[str]:
    """Return the names of the files that are other than before."""
    found = {path for path, what in machine.files().items() if before.get(path) != what}
    return {str(path.relative_to(machine.etc)) for path in found}


def by_hand(said: str) -> list[str]:
    """Return what is left to a person."""
    return re.findall(r"(?m)^- (.*)$", said.partition("by hand:")[2].partition("\n\n")[0])


@contextmanager
def phones_of(machine: Machine) -> Iterator[tuple[Phone, Phone]]:
    """Yield acme's phone and the carrier, which answer."""
    block = machine.asterisk.block
    with (
        Phone(block.phone("acme"), block.pbx, answers=True) as phone,
        Phone(block.carrier(), block.pbx, answers=True) as carrier,
    ):
        yield phone, carrier


def call_both_ways(machine: Machine) -> None:
    """Call as acme outside, 911, and acme's number from outside; at its limit, then without."""
    with daemon_of(machine, "none"), phones_of(machine) as (phone, carrier):
        assert phone.call(OPEN).wait("ended").status == 486
        assert carrier.call("+15550111").wait("ended").status == 486
        assert not carrier.incoming
        assert not phone.incoming
        assert "max_calls" in machine.says("decisions", "--refused")
        phone.dial("911").hang_up()
        assert [leg.number for leg in carrier.incoming] == ["9911"]
        apply(machine, "open")
        phone.dial(OPEN).hang_up()
        assert [leg.number for leg in carrier.incoming] == ["9911", f"9{OPEN}"]
        until(lambda: "acme" in machine.says("usage"), "the call is counted")
        carrier.dial("+15550111").hang_up()
        assert len(phone.incoming) == 1


@pytest.mark.parametrize("frame", [FREEPBX_17, FREEPBX_16], ids=["17", "16"])
def test_freepbx_from_nothing_to_a_refused_call_and_back(frame: Generated, tmp_path: Path) -> None:
    end = "MacroExit" if frame.has_macro else "Return"
    own = f"[macro-dialout-trunk-predial-hook]\nexten => s,1,Set(SITE=1)\nexten => s,n,{end}()\n"
    more = {"extensions_custom.conf": own} if frame.has_macro else {}
    with machine_of(frame, tmp_path, more=more) as machine:
        before = machine.files()
        asked = by_hand(machine.set_up("--yes"))
        assert changed(machine, before) <= FREEPBX_MAY_WRITE
        for path in machine.etc.rglob("*"):
            rights = 0o660 if path.name == "manager_pbxbilling.conf" else 0o664
            assert (path.stat().st_uid, path.stat().st_mode & 0o666) == (OWNER, rights), path
        clicks = [one for one in asked if "Context from-pstn-pbxbilling" in one]
        assert [click.split(", ")[1] for click in clicks] == ["carrier", "carrier2"]
        click_contexts(machine.asterisk, "from-pstn", "from-pstn-pbxbilling")
        call_both_ways(machine)
        again = machine.set_up("--dry-run")
        assert "nothing to change" in again
        assert not any("Context" in one for one in by_hand(again))
        machine.set_up("--undo")
        click_contexts(machine.asterisk, "from-pstn-pbxbilling", "from-pstn")
        assert machine.files() == before


def test_wazo_from_nothing_to_a_refused_call_and_back(tmp_path: Path) -> None:
    confgend = tmp_path / "asterisk/wazo-confgend/conf.d"
    confgend.mkdir(parents=True)
    with machine_of(WAZO, tmp_path) as machine:
        before = machine.files()
        asked = by_hand(machine.set_up("--yes", "--trunk", "PJSIP/carrier"))
        assert changed(machine, before) == WAZO_MAY_WRITE
        assert "  cel_custom.so: true\n" in (confgend / "pbxbilling.yml").read_text()
        assert any("restart wazo-confgend" in one for one in asked)
        assert "WAZO_TENANT_UUID,XIVO_BASE_EXTEN,PBXBILLING" in machine.asterisk.rx(
            "manager show settings"
        )
        call_both_ways(machine)
        assert "nothing to change" in machine.set_up("--dry-run", "--trunk", "PJSIP/carrier")
        machine.set_up("--undo")
        assert machine.files() == before
        assert not list(confgend.iterdir())


def test_on_mikopbx_nothing_is_written_and_what_to_paste_is_named(tmp_path: Path) -> None:
    with machine_of(MIKOPBX, tmp_path) as machine:
        before = machine.files()
        asked = by_hand(machine.set_up("--yes"))
        assert any("--print mikopbx" in one for one in asked)
        assert machine.files() == before
        assert not machine.config.exists()


# --- a PBX on another machine --------------------------------------------------------------------


def put(machine: Machine, said: str) -> None:
    """Do all that `--print` says, on a machine that is both."""
    parts = re.split(r"(?m)^==> (\S+|on that machine): (.*)\n", said.partition("\nby hand:")[0])
    for name, how, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if how.startswith("run these"):
            run(machine, text)
            continue
        path = Path(name.replace("/etc/asterisk", str(machine.etc)))
        there = path.read_text() if path.exists() else ""
        assert how.startswith("add at the end") or not there, path
        path.write_text(there + text.replace("/etc/asterisk/", "/rig/etc/"))
        path.chmod(0o600)


def run(machine: Machine, commands: str) -> None:
    """Run those commands that are openssl's and Asterisk's."""
    for command in commands.splitlines():
        if command.startswith("openssl "):
            words = shlex.split(command.replace("/etc/asterisk", str(machine.etc)))
            subprocess.run([provision.tool("openssl"), *words[1:]], check=True, capture_output=True)
        elif said := re.fullmatch(r'asterisk -rx "(.*)"', command):
            machine.asterisk.rx(said[1])


FORMS = {
    "plain": BARE,
    "freepbx17": FREEPBX_17,
    "freepbx16": FREEPBX_16,
    "wazo": WAZO,
    "mikopbx": MIKOPBX,
}
MIKOPBX_DOES = (
    "openssl req -x509 -nodes -newkey rsa:2048 -keyout /etc/asterisk/pbxbilling.key"
    " -out /etc/asterisk/pbxbilling.pem -subj /CN={pbx} -addext subjectAltName=IP:{pbx}\n"
    'asterisk -rx "module load func_lock.so"\nasterisk -rx "module load app_celgenuserevent.so"\n'
    'asterisk -rx "manager reload"\nasterisk -rx "dialplan reload"'
)
"""MikoPBX itself starts Asterisk anew; its certificate is left to the operator."""


@pytest.mark.parametrize("form", FORMS)
def test_the_printed_files_have_a_call_refused_on_another_machine(
    form: str, tmp_path: Path
) -> None:
    (tmp_path / "etc/wazo-confgend/conf.d").mkdir(parents=True)
    with machine_of(FORMS[form], tmp_path) as machine:
        pbx = machine.asterisk.block.pbx
        hook = machine.env.pop("PBXBILLING_AGI__LISTEN")
        said = machine.says(
            *("setup", "asterisk", "--print", form, "--hook", hook),
            *("--host", pbx, "--trunk", "PJSIP/carrier"),
        )
        put(machine, said.replace("/etc/wazo-confgend", f"{tmp_path}/etc/wazo-confgend"))
        if form == "mikopbx":
            run(machine, MIKOPBX_DOES.format(pbx=pbx))
        shutil.copy(machine.etc / "pbxbilling.pem", machine.config.parent / "ami-ca.pem")
        with daemon_of(machine, "none"), phones_of(machine) as (phone, carrier):
            assert phone.call(OPEN).wait("ended").status == 486
            assert not carrier.incoming
            assert "max_calls" in machine.says("decisions", "--refused")
            machine.says("doctor")
