"""The view of the running daemon: it follows facts, and changes nothing."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.status import LiveStatus, Surroundings
from pbxbilling.kernel.facts import Fact
from pbxbilling.store.writer import StoreWriter
from tests.support.kernel.clock import Clock
from tests.support.kernel.samples import AT
from tests.support.store.memory_store import MemoryStore
from tests.support.telemetry.facts import ENDED_LEG, one_of_each


def view(published: list[Fact], unowned_legs: int = 0) -> LiveStatus:
    clock = Clock(AT)
    engine = CallEngine(
        InForce(Policy(), Registry()),
        clock,
        published.append,
        stale_s=30,
        cut=lambda *_: None,
        new_id=lambda: "c1",
    )
    queue = StoreWriter(MemoryStore(), clock, published.append)
    around = Surroundings("0", lambda _: None, lambda: None, lambda: None)
    return LiveStatus(engine, queue, around, clock, unowned_legs=unowned_legs)


def test_an_assigned_leg_is_no_longer_unowned() -> None:
    status = view([], unowned_legs=1)
    status.sink(LegEnded(AT, replace(ENDED_LEG, tenant=None)))
    assert status.status().unowned_legs == 2
    status.sink(AccountsChanged(AT, "root", "usage assign", SubjectKind.LEG, "pbx1:1.1"))
    assert status.status().unowned_legs == 1
    status.sink(AccountsChanged(AT, "root", "apply", SubjectKind.TENANT, "acme"))
    assert status.status().unowned_legs == 1


def test_no_fact_makes_the_view_publish_another() -> None:
    published: list[Fact] = []
    status = view(published)
    for fact in one_of_each():
        status.sink(fact)
    assert published == []
