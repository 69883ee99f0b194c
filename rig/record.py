"""Records what a real Asterisk reports about each case: `python -m rig.record [CASE …]`.

For every case, tests/replay/traces/CASE.ami holds the bytes sent to the daemon's AMI user, and
CASE.csv the journal's lines. Replaying them needs no Asterisk.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rig import cases, provision
from rig.ami import Ami, Recorder
from rig.asterisk import Asterisk
from rig.forgeries import NAMES, forged
from rig.hook import Hook, Owners, refuse
from rig.scene import MOBILE, Scene
from rig.settings import Settings
from rig.site import claimed_block
from rig.waiting import until

VICTIM = "1795222182.1"
"""The endpoint whose channel the recorded forgeries name."""
TRACES = Path(__file__).parent.parent / "tests" / "replay" / "traces"


def refused(scene: Scene) -> None:
    """Place two calls to a hook that refuses."""
    for leg in [scene.phone("acme").call(MOBILE), scene.phone("globex").call("0155502")]:
        leg.wait("ended")


def forgery(name: str) -> Callable[[Scene], None]:
    """Return a case: a globex phone dials that forgery, talks if answered, and hangs up."""

    def play(scene: Scene) -> None:
        scene.carrier()
        leg = scene.phone("globex").call(forged(name, VICTIM))
        until(lambda: leg.state in {"up", "ended"}, "the call is answered or refused")
        scene.talk()
        if leg.state == "up":
            leg.hang_up()

    return play


CASES: dict[str, Callable[[Scene], None]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        cases.outbound_answered,
        cases.fork_of_three,
        cases.blind_transfer,
        refused,
        cases.outbound_hung_up_by_carrier,
        cases.outbound_given_up,
        cases.outbound_busy,
        cases.outbound_no_answer,
        cases.outbound_slow_end,
        cases.local_kept,
        cases.local_optimised,
        cases.queue,
        cases.forward,
        cases.forward_in_dialplan,
        cases.blind_transfer_outside,
        cases.attended_transfer,
        cases.attended_transfer_outside,
        cases.attended_transfer_by_code,
        cases.park_and_retrieve,
        cases.park_and_time_out,
        cases.pickup,
        cases.conference,
        cases.originate,
        cases.originate_through_local,
        cases.redirect_both,
        cases.between_tenants,
        cases.unhooked,
    )
} | {f"forged/{name}": forgery(name) for name in NAMES}


def record(asterisk: Asterisk, name: str, into: Path) -> None:
    """Play one case and save its trace. The Asterisk must be idle, and is idle afterwards."""
    before = asterisk.journal.stat().st_size if asterisk.journal.exists() else 0
    with (
        Ami(asterisk.ami) as ami,
        Recorder(asterisk.ami, into / f"{name}.ami") as recorder,
        ExitStack() as stack,
    ):
        snapshot = lambda: recorder.snapshot("in-full-swing")  # noqa: E731
        CASES[name](Scene(asterisk, ami, stack, snapshot))
        asterisk.wait_idle()
        recorder.snapshot("at-the-end")
    with asterisk.journal.open("rb") as journal:
        journal.seek(before)
        (into / f"{name}.csv").write_bytes(journal.read())


def main(names: list[str]) -> int:
    """Record the named cases, or all of them."""
    (TRACES / "forged").mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        claimed_block() as block,
        Hook() as hook,
        Asterisk(
            provision.ASTERISK_22, Path(directory), block, Settings(hook=hook.address)
        ) as asterisk,
    ):
        for name in names or list(CASES):
            hook.verdict = refuse if name == "refused" else Owners()
            print(name)
            record(asterisk, name, TRACES)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
