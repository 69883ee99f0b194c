"""A daemon on a machine beside its PBX: AMI over TLS, hooks with a token, the journal as a copy.

Loopback stands for the network; the daemon has an address of its own, and nothing of Asterisk's but
what docs/guides/dialplans.md gives it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from pbxbilling.calls.live.records import EndWitness
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.certificate import self_signed
from rig.leg import Leg
from rig.rsyncd import Copied
from rig.scene import MOBILE, Scene
from rig.site import free_port
from rig.waiting import until
from tests.support.calls.audit import AGREEMENT_S, JournalSince, TrunkLeg, ledger_legs
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.system.test_ami_tls import tls
from tests.system.test_doctor import examined
from tests.system.test_hook_token import TOKEN, WITH_TOKEN

pytestmark = pytest.mark.asterisk

JOURNAL = "pbxbilling.csv"


class Beside:
    """A PBX and, at another address, a daemon that reads a journal of its own folder, or none."""

    def __init__(self, asterisk: Asterisk, tmp: Path, stack: ExitStack, journal: Path | None):
        self.asterisk = asterisk
        self._journal = JournalSince(asterisk.journal)
        self._rotated: dict[str, TrunkLeg] = {}
        signed = self_signed(tmp, asterisk.block.pbx)
        self.daemon = Daemon(
            asterisk,
            tmp,
            ami=stack.enter_context(tls(asterisk, signed)),
            pbx_more=f'tls = true\nca_file = "{signed.certificate}"\n',
            environment=WITH_TOKEN,
            journal=journal or False,
        )
        address = asterisk.block.pbx.rpartition(".")[0].rpartition(".")[0] + ".200.1"
        self.daemon.hook = f"{address}:{free_port(address)}"
        self.daemon.write_config()
        stack.enter_context(self.daemon)
        asterisk.set_global("PBXBILLING_TOKEN", TOKEN)
        self.daemon.apply(ACCOUNTS)
        self.scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        self.carrier = self.scene.carrier()
        self.phone = self.scene.phone("acme")

    def talk(self) -> Leg:
        leg = self.phone.dial(MOBILE)
        self.scene.talk()
        return leg

    def rotate(self) -> None:
        """Rotate the PBX's journal as logrotate does, after its last rows, which come late."""
        self.written()
        self._rotated = self.expected()
        self.asterisk.journal.rename(self.asterisk.journal.with_name(f"{JOURNAL}.1"))
        self._journal = JournalSince(self.asterisk.journal)

    def killed_meanwhile(self) -> None:
        """Kill the daemon in a call; the call ends and another one lives while it is away."""
        leg = self.talk()
        self.daemon.stop(SIGKILL)  # does nothing where it is away already
        self.scene.talk()
        leg.hang_up()
        self.talk().hang_up()
        self.asterisk.wait_idle()

    def expected(self) -> dict[str, TrunkLeg]:
        """Return what Asterisk's own journal says, by Uniqueid."""
        return {**self._rotated, **self._journal.legs()}

    def written(self) -> None:
        """Return when Asterisk has written the ends of all legs."""
        until(
            lambda: all(leg.ended_at for leg in self.expected().values()),
            "Asterisk has written the last end",
        )

    def settled(self) -> None:
        """Return when the ledger says the same, leg by leg."""
        self.written()
        expected = self.expected()

        def same() -> bool:
            self.daemon.wait_on_record()
            ours = ledger_legs(self.daemon.legs())
            return ours.keys() == expected.keys() and all(leg.ended_at for leg in ours.values())

        until(same, "every leg is settled", 30.0)
        for key, leg in ledger_legs(self.daemon.legs()).items():
            assert leg.tenant == "acme"
            assert leg.answered_at == pytest.approx(expected[key].answered_at, abs=AGREEMENT_S)
            assert leg.ended_at == pytest.approx(expected[key].ended_at, abs=AGREEMENT_S)


@pytest.fixture(autouse=True)
def _journal_of_this_test(asterisk: Asterisk) -> None:
    """Begin a new journal: a daemon without a position reads the file from its beginning."""
    for file in asterisk.journal.parent.glob(f"{JOURNAL}*"):
        file.unlink()
    asterisk.journal.touch()


@pytest.fixture
def copy(asterisk: Asterisk, tmp_path: Path, _journal_of_this_test: None) -> Iterator[Copied]:
    here = tmp_path / "copy"
    here.mkdir()
    with Copied(asterisk.journal.parent, here, tmp_path) as copy:
        yield copy


@contextmanager
def read_only(folder: Path, here: Path) -> Iterator[Path]:
    """Mount a folder elsewhere, so that nothing can be written to it there."""
    here.mkdir()
    subprocess.run(["mount", "--bind", folder, here], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", here], check=True)
        yield here
    finally:
        subprocess.run(["umount", "--lazy", here], check=True)


def test_calls_are_judged_and_counted_from_a_machine_beside(
    asterisk: Asterisk,
    tmp_path: Path,
    copy: Copied,
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PBXBILLING_AGI__TOKEN", TOKEN)  # for the doctor
    beside = Beside(asterisk, tmp_path, stack, copy.here / JOURNAL)
    beside.talk().hang_up()
    beside.daemon.apply(ACCOUNTS.replace('"unlimited"', '"none"') + "[plan.none]\nmax_calls = 0\n")
    assert beside.phone.call(MOBILE).wait("ended").status == 486
    beside.daemon.apply(ACCOUNTS)
    asterisk.set_global("PBXBILLING_TOKEN", TOKEN[::-1])
    assert beside.phone.call(MOBILE).wait("ended").status == 486, "who has no token is nobody"
    asterisk.set_global("PBXBILLING_TOKEN", TOKEN)
    beside.settled()
    _, found = examined(beside.daemon)
    assert not [check for check in found.values() if check["result"] == "fail"]


def test_a_copy_of_the_journal_settles_what_a_killed_daemon_missed(
    asterisk: Asterisk, tmp_path: Path, copy: Copied, stack: ExitStack
) -> None:
    """Also where the PBX rotates it meanwhile."""
    beside = Beside(asterisk, tmp_path, stack, copy.here / JOURNAL)
    beside.talk().hang_up()
    copy.wait_round()
    beside.daemon.stop()
    beside.daemon.start()  # which reads the journal: of one never read it knows no older files
    beside.killed_meanwhile()
    beside.rotate()
    beside.killed_meanwhile()
    copy.wait_round()
    beside.daemon.start()
    beside.settled()
    assert not estimated(beside.daemon)


def test_a_journal_that_is_mounted_read_only_settles_the_same(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    mounted = stack.enter_context(read_only(asterisk.journal.parent, tmp_path / "mounted"))
    beside = Beside(asterisk, tmp_path, stack, mounted / JOURNAL)
    beside.talk().hang_up()
    beside.killed_meanwhile()
    beside.daemon.start()
    beside.settled()
    assert not estimated(beside.daemon)


def test_without_a_journal_only_what_was_seen_is_billed(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    """The call that lived while the daemon was away is lost, and the other one's end is a guess."""
    beside = Beside(asterisk, tmp_path, stack, None)
    beside.talk().hang_up()
    beside.killed_meanwhile()
    beside.daemon.start()
    until(lambda: len(beside.daemon.answered()) == 2, "both legs that it saw are on record", 30.0)
    ours, theirs = ledger_legs(beside.daemon.legs()), beside.expected()
    assert len(theirs) == 3
    whole, cut = (leg for _, leg in sorted(ours.items()))
    assert whole.ended_at == pytest.approx(theirs[min(ours)].ended_at, abs=AGREEMENT_S)
    assert cut.ended_at is not None
    assert cut.ended_at < (theirs[max(ours)].ended_at or 0)
    assert estimated(beside.daemon) == [max(ours)]


def estimated(daemon: Daemon) -> list[str]:
    """Return the legs whose end is a guess, by Uniqueid."""
    return [leg["uniqueid"] for leg in daemon.legs() if EndWitness(leg["witness"]).guessed]
