"""From 0.1 to this release with the files of both: an upgrade never silently opens a site.

The hook's default port moved from 4573 to 4590. Each configuration is combined with each
subroutine, with and without the global that 0.1 had operators set: the call is judged, or the
doctor fails.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pbxbilling.config.sections import OLD_HOOK, AgiSettings
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import Hook
from rig.phone import Phone
from rig.program import PROGRAM
from rig.scene import MOBILE
from rig.settings import SHIPPED
from rig.site import AMI_SECRET, claimed_ports
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import accounts
from tests.system.test_doctor import Found, examined

pytestmark = pytest.mark.asterisk

OF_0_1 = Path(__file__).parent / "of_0_1"
SUBROUTINES = {"old": OF_0_1, "new": SHIPPED}
OLD_PORT, NEW_PORT = str(OLD_HOOK), AgiSettings().listen

WRITTEN = f'listen = "{OLD_PORT}"\n'
OLD_EXAMPLE = (OF_0_1 / "pbxbilling.example.toml").read_text()
SILENT = OLD_EXAMPLE.replace(WRITTEN, "")
NEW_EXAMPLE = (SHIPPED.parent / "pbxbilling.example.toml").read_text()

JUDGED, OPEN = 486, 200  # a tenant that may have no calls gets one of the two


class Site(Daemon):
    """A daemon on one of the example files, its placeholders filled in, and a phone of acme."""

    def __init__(self, asterisk: Asterisk, directory: Path, example: str) -> None:
        self._example = example
        super().__init__(asterisk, directory)

    def write_config(self, mode: str | None = None) -> None:
        host, port = self.asterisk.ami
        text = self._example
        for before, after in {
            'mode = "off"': f'mode = "{mode or "enforce"}"',
            "/var/lib/pbxbilling/pbxbilling.db": str(self.database),
            "127.0.0.1:8080": self.http,
            "/run/pbxbilling": str(self.directory),
            'host = "127.0.0.1"\nport = 5038': f'host = "{host}"\nport = {port}',
            "/var/log/asterisk/cel-custom/pbxbilling.csv": str(self.asterisk.journal),
        }.items():
            assert before in text
            text = text.replace(before, after, 1)
        (self.directory / "ami.secret").write_text(AMI_SECRET)
        self.config.write_text(text)

    def become(self, example: str) -> None:
        """Use another file, from the next reload or start on."""
        self._example = example
        self.write_config()

    def set_dialplan(self, subroutine: str, hook: str) -> None:
        """Load that release's file, and set or empty the global."""
        self.load_subroutine(subroutine)
        with Ami(self.asterisk.ami, events="off") as ami:
            ami.action("Setvar", Variable="PBXBILLING_HOOK", Value=hook)

    def load_subroutine(self, subroutine: str) -> None:
        text = (SUBROUTINES[subroutine] / "extensions_pbxbilling.conf").read_text()
        (self.asterisk.directory / "etc/extensions_pbxbilling.conf").write_text(text)
        self.asterisk.rx("dialplan reload")

    def dialled(self, phone: Phone) -> int:
        """Return the final status of a call of acme, which may have none."""
        leg = phone.call(MOBILE)
        phone.await_change(lambda: leg.status > 0, "the call is answered or refused", 10.0)
        if leg.status == OPEN:
            leg.hang_up()
        leg.wait("ended")
        return leg.status

    def hooks_of_0_1(self) -> int:
        """Return how many hooks came to the old port, on which command and metrics must agree."""
        shown = self.get("/status")["old_port"]
        counted = self.metric("pbxbilling_agi_old_port_hooks_total")
        assert (shown["hooks"] if shown else 0) == counted
        return int(counted)

    def status_page(self) -> str:
        ran = subprocess.run(
            [PROGRAM, "status", "-c", self.config], capture_output=True, text=True, check=True
        )
        return " ".join(ran.stdout.split())


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with claimed_ports(4573, 4590), ExitStack() as stack:
        yield stack


def placed(asterisk: Asterisk, directory: Path, stack: ExitStack, example: str) -> Site:
    site = Site(asterisk, directory, example)
    stack.callback(site.load_subroutine, "new")
    stack.enter_context(site)
    site.apply(accounts("none"))
    return site


def peers(asterisk: Asterisk, stack: ExitStack) -> Phone:
    block = asterisk.block
    stack.enter_context(Phone(block.carrier(), block.pbx, answers=True))
    return stack.enter_context(Phone(block.phone("acme"), block.pbx))


def hook_check(found: Found) -> str:
    return found["pbx1", "PBXBILLING_HOOK"]["result"]


Ways = dict[tuple[str, str], tuple[int, str]]

EVERY_WAY: dict[str, tuple[str, Ways]] = {
    "file of 0.1": (
        OLD_EXAMPLE,
        {
            ("old", OLD_PORT): (JUDGED, "ok"),
            ("new", OLD_PORT): (JUDGED, "ok"),
            ("new", ""): (OPEN, "fail"),
            ("old", ""): (OPEN, "fail"),
        },
    ),
    "silent file": (
        SILENT,
        {
            ("old", OLD_PORT): (JUDGED, "warn"),
            ("new", OLD_PORT): (JUDGED, "warn"),
            ("new", ""): (JUDGED, "ok"),
            ("old", ""): (OPEN, "fail"),
        },
    ),
    "file of this release": (
        NEW_EXAMPLE,
        {
            ("old", OLD_PORT): (OPEN, "fail"),
            ("new", OLD_PORT): (OPEN, "fail"),
            ("new", ""): (JUDGED, "ok"),
            ("old", ""): (OPEN, "fail"),
        },
    ),
}
"""Configuration → subroutine and global → final status of acme's call, and the doctor's result."""


@pytest.mark.parametrize("configuration", EVERY_WAY)
def test_a_call_is_judged_or_the_doctor_fails(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack, configuration: str
) -> None:
    _go_every_way(asterisk, tmp_path, stack, *EVERY_WAY[configuration])


def test_a_silent_file_judges_the_calls_of_an_old_asterisk(
    old_asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    _go_every_way(old_asterisk, tmp_path, stack, *EVERY_WAY["silent file"])


def _go_every_way(
    asterisk: Asterisk, directory: Path, stack: ExitStack, example: str, ways: Ways
) -> None:
    site = placed(asterisk, directory, stack, example)
    phone = peers(asterisk, stack)
    ended = {}
    for way in ways:
        site.set_dialplan(*way)
        call = site.dialled(phone)
        status, found = examined(site)
        assert status == (hook_check(found) == "fail"), found
        ended[way] = (call, hook_check(found))
    assert ended == ways


def test_a_silent_file_counts_who_asks_at_the_old_port_and_says_what_to_change(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    site = placed(asterisk, tmp_path, stack, SILENT)
    phone = peers(asterisk, stack)
    assert f"no hook has come to {OLD_PORT}" in site.status_page()
    site.set_dialplan("new", "")
    assert (site.dialled(phone), site.hooks_of_0_1()) == (JUDGED, 0)
    site.set_dialplan("old", OLD_PORT)
    assert (site.dialled(phone), site.dialled(phone)) == (JUDGED, JUDGED)
    assert site.hooks_of_0_1() == 2
    assert f"2 hooks came to {OLD_PORT}" in site.status_page()
    assert f"set PBXBILLING_HOOK={NEW_PORT} under [globals]" in site.status_page()
    (line,) = site.logged("port of 0.1 is asked")
    assert line["mend"].startswith(f"PBXBILLING_HOOK={NEW_PORT}")


def test_the_old_port_closes_at_the_restart_after_the_address_is_written(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    site = placed(asterisk, tmp_path, stack, SILENT)
    phone = peers(asterisk, stack)
    site.set_dialplan("old", OLD_PORT)
    site.become(NEW_EXAMPLE)
    site.reload()
    (line,) = site.logged("configuration read again")
    assert line["result"] == "in force: agi.allow; only after a restart: agi.listen"
    assert site.dialled(phone) == JUDGED
    site.stop()
    site.start()
    site.set_dialplan("old", OLD_PORT)
    assert (site.dialled(phone), site.get("/status")["old_port"]) == (OPEN, None)
    site.set_dialplan("new", "")
    assert site.dialled(phone) == JUDGED


def test_an_old_port_of_another_program_is_left_to_it_and_the_doctor_fails(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    stack.enter_context(Hook(lambda _: None, OLD_HOOK.port))  # like FreePBX's: closes unanswered
    site = placed(asterisk, tmp_path, stack, SILENT)
    phone = peers(asterisk, stack)
    site.set_dialplan("old", OLD_PORT)
    assert site.logged("port of 0.1 left alone")
    assert f"another program uses {OLD_PORT}" in site.status_page()
    status, found = examined(site)
    assert (site.dialled(phone), status, hook_check(found)) == (OPEN, 1, "fail")
    site.set_dialplan("new", "")
    assert site.dialled(phone) == JUDGED
