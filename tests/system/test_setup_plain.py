"""Dialplans written by hand keep doing what they did once `pbxbilling setup asterisk` was there.

Each of `rig/fixtures/dialplans` is played on the real Asterisk before and after. Its first lines
say with what: `; play: WHO NUMBER`, and behind a bar the numbers that the hooks are asked about.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from pbxbilling.runtime.clock import SystemClock
from pbxbilling.setup.asterisk import Request, SetupPlan, plan, reload, write
from pbxbilling.setup.draft.document import FILE as DRAFT
from pbxbilling.setup.pbx.console import Console
from rig import plain, provision
from rig.asterisk import Asterisk
from rig.hook import Hook, Owners, refuse
from rig.leg import Leg
from rig.phone import Phone
from rig.site import claimed_block

pytestmark = pytest.mark.asterisk

FOLDER = Path(__file__).parents[2] / "rig/fixtures/dialplans"
DIALPLANS = sorted(path.stem for path in FOLDER.glob("*.conf"))
PHONES = {"acme1": ("acme", 1), "acme2": ("acme", 2), "globex1": ("globex", 1)}
RELEASES = {"22": provision.ASTERISK_22, "16": provision.ASTERISK_16}


class Play(NamedTuple):
    """One call: who dials what, and the numbers that the hooks are asked about."""

    who: str
    number: str
    asked: tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """What came of one call: its final status, and who was called with what, in order."""

    status: int
    called: tuple[tuple[str, str], ...]


class Site:
    """An Asterisk that has never heard of us, with its phones and carriers."""

    def __init__(self, asterisk: Asterisk, folder: Path, stack: ExitStack) -> None:
        self.asterisk = asterisk
        self.etc = asterisk.directory / "etc"
        self.folder = folder
        block = asterisk.block
        here = [block.phone(*which) for which in PHONES.values()]
        self.phones = {
            one.name: stack.enter_context(Phone(one, block.pbx, answers=True))
            for one in (*here, *block.carriers())
        }
        self.trunks: tuple[str, ...] = ()
        self.before = {path: path.read_bytes() for path in self.etc.iterdir() if path.is_file()}

    def load(self, text: str) -> None:
        """Have this dialplan, and every other file as it was at first."""
        for path in self.etc.iterdir():
            if path.is_file() and path not in self.before:
                path.unlink()
        for path, content in self.before.items():
            path.write_bytes(content)
        (self.etc / "extensions.conf").write_text(text)
        for who, context in re.findall(r"(?m)^; (\w+) context: (\S+)$", text):
            pjsip = self.etc / "pjsip.conf"
            section = re.compile(rf"(\[{who}\]\(carrier\)\n.*\n)context = .*")
            pjsip.write_text(section.sub(rf"\1context = {context}", pjsip.read_text()))
        self.trunks = tuple(" ".join(re.findall(r"(?m)^; trunks: (.*)$", text)).split())
        refusing = dict(re.findall(r"(?m)^; (\w+) refuses: (.*)$", text))
        for name, phone in self.phones.items():
            phone.refuses = refusing.get(name, "")
        self.asterisk.rx("module reload res_pjsip.so")
        self.asterisk.rx("dialplan reload")

    def request(self, hook: str) -> Request:
        """Return what the operator of this machine asks for."""
        socket = self.asterisk.directory / "run/asterisk.ctl"
        console = Console(shlex.join([sys.executable, "-m", "rig.console", str(socket)]))
        config = self.folder / "pbxbilling.toml"
        return Request(
            config,
            self.etc,
            console,
            hook=hook,
            trunks=self.trunks,
            journal=self.asterisk.journal,
        )

    def set_up(self, hook: str) -> SetupPlan:
        """Set it up; return what was planned."""
        request = self.request(hook)
        planned = plan(request)
        write(planned, SystemClock())
        faults = reload(request.console, planned.reloads)
        assert [fault for fault in faults if "chan_sip" not in fault] == []
        return planned

    def play(self, one: Play) -> Heard:
        """Place a call, and hang up where it is answered."""
        for phone in self.phones.values():
            phone.incoming.clear()
        leg = self.phones[one.who].call(one.number)
        leg.phone.await_change(lambda: leg.state in {"up", "ended"}, str(leg), 20)
        if leg.state == "up":
            leg.hang_up()
        self.asterisk.wait_idle()
        legs: list[tuple[Leg, str]] = [
            (incoming, name) for name, phone in self.phones.items() for incoming in phone.incoming
        ]
        return Heard(leg.status, tuple(sorted((name, leg.number) for leg, name in legs)))


def plays(text: str) -> list[Play]:
    """Return the calls that a dialplan is played with."""
    found = re.findall(r"(?m)^; play: (\S+) (\S+)(?: \| (.*))?$", text)
    return [Play(who, number, tuple(asked.split())) for who, number, asked in found]


def without_numbers(planned: SetupPlan) -> list[str]:
    """Return what is left to a person, without the numbers of lines."""
    return [re.sub(r":\d+:", ":", one) for one in planned.by_hand if DRAFT not in one]


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Yield such a site on each release."""
    try:
        provision.chroot(RELEASES[request.param])
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {request.param}: {reason}")
    folder = tmp_path_factory.mktemp(f"plain{request.param}")
    with ExitStack() as stack:
        block = stack.enter_context(claimed_block())
        asterisk = stack.enter_context(
            Asterisk(RELEASES[request.param], folder / "asterisk", block, plain.settings(block))
        )
        yield Site(asterisk, folder, stack)


def _played() -> Iterator[tuple[str, str]]:
    """Yield each release with each dialplan that is for it."""
    for release in RELEASES:
        for name in DIALPLANS:
            only = re.search(r"(?m)^; releases: (.*)$", (FOLDER / f"{name}.conf").read_text())
            if only is None or release in only[1].split():
                yield release, name


@pytest.mark.parametrize(("site", "name"), list(_played()), indirect=["site"])
def test_every_call_goes_as_before_and_none_once_refused(name: str, site: Site) -> None:
    text = (FOLDER / f"{name}.conf").read_text()
    site.load(text)
    calls = plays(text)
    before = {call: site.play(call) for call in calls}
    with Hook(Owners()) as hook:
        planned = site.set_up(hook.address)
        asked = {}
        after = {}
        for call in calls:
            hook.requests.clear()
            after[call] = site.play(call)
            asked[call] = tuple(one["arg_3"] for one in hook.requests)
        assert after == before
        assert asked == {call: call.asked for call in calls}
        hook.verdict = refuse
        for call in calls:
            emergency = "112" in call.asked
            if call.asked:
                expected = before[call] if emergency else Heard(486, ())
                assert (call, site.play(call)) == (call, expected)
        again = plan(site.request(hook.address))
        assert [change.shown() for change in again.changes] == []
        assert without_numbers(planned) == without_numbers(again)
