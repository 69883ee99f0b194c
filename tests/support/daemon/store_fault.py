"""Calls while a daemon's database fails: judged as ever, reported, and on record afterwards."""

from __future__ import annotations

from pathlib import Path

from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite

ACCOUNTS = """
[plan.two]
max_calls = 2
[tenant.acme]
plan = "two"
accountcodes = ["acme"]
"""
ENDED = 2  # calls that begin and end during a fault
LEGS = ENDED + 2  # two more are up at once
DECISIONS = LEGS + 1  # and one is refused


def judged(site: VirtualSite) -> None:
    """Place calls one after the other, then two at once and a third, one too many."""
    for _ in range(ENDED):
        assert site.call("acme", talk_s=0.1).result(patience_s(10)).admitted
        site.none_live()  # a hook can be quicker than the event that ends the call before
    live = [site.call("acme", talk_s=60.0) for _ in range(2)]
    site.up(2)
    assert not site.call("acme").result(patience_s(10)).admitted
    site.idle()
    assert all(call.result(patience_s(10)).admitted for call in live)


def reported(site: VirtualSite, fault: str, within_s: float = 20.0) -> None:
    """Wait until the fault is reported in every place that operators look at."""

    def readyz_says() -> bool:
        status, body = site.readyz()
        return status == 503 and fault in (body["store"]["fault"] or "")

    until(readyz_says, f"readyz says: {fault}", within_s)
    _, body = site.readyz()
    assert body["pbxes"]["pbx1"]["ready"], "the counts stay reliable"
    assert site.get("/status")["store"]["fault"] == body["store"]["fault"]
    assert site.metric("pbxbilling_store_pending_records") >= LEGS
    assert site.metric("pbxbilling_store_oldest_record_seconds") > 0
    assert any("store failing" in line and fault in line for line in site.log().splitlines())


def mended(site: VirtualSite, within_s: float = 20.0) -> None:
    """Wait until all that happened meanwhile is on record."""
    until(lambda: site.readyz()[0] == 200, "the daemon is ready again", within_s)
    until(lambda: site.get("/status")["store"]["pending"] == 0, "all is written", 20.0)
    assert site.metric("pbxbilling_store_dropped_total") == 0


def unserved(site: VirtualSite, fault: str) -> None:
    """Start a daemon that cannot read its accounts: it says why, and the dialplan decides."""
    ran = site.run("serve")
    assert ran.returncode == 1
    assert fault in ran.stderr
    assert site.call("acme", talk_s=0.1).result(patience_s(10)).verdict.endswith("fallback||||")


def fill(filler: Path) -> None:
    """Take the last byte of a disk."""
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue
