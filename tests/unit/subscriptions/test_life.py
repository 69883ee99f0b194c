"""A subscription's life under any sequence of transitions: recorded, and judged by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import TRANSITIONS, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.kernel.codes import Direction, Reason
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.subscription import TRANSITION_TO
from tests.support.accounts.administration import administrations
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.records import subscription


class Heard(NamedTuple):
    """The gateway's state of a subscription, as of so many hours ago."""

    ident: str
    status: Status
    hours_ago: int


class Declared(NamedTuple):
    """An operator applies a file with this status."""

    status: Status


class Tried(NamedTuple):
    """An operator sets the end of the trial, so many days from now."""

    days: int


class Passed(NamedTuple):
    """Time goes by."""

    hours: int


CHECK, SUSPEND, ACTIVATE = "daily check", "suspend", "activate"
Turned = Heard | Declared | Tried | Passed | str

PASSED = st.builds(Passed, st.sampled_from([1, 24, 47, 48, 49, 72, 100, 168, 169]))
BY_HAND = st.one_of(
    st.builds(Declared, st.sampled_from([Status.GRACE_PERIOD, Status.PAST_DUE, *sorted(Status)])),
    st.builds(Tried, st.integers(-9, 9)),
    st.sampled_from([SUSPEND, ACTIVATE]),
)
HEARD = st.builds(
    Heard,
    st.sampled_from(["sub_1", "sub_2"]),
    st.sampled_from([Status.PAST_DUE, *sorted(TRANSITION_TO)]),
    st.integers(0, 24 * 9),
)
QUIET = st.lists(st.one_of(PASSED, st.just(CHECK)), max_size=6)


def lives(*what: st.SearchStrategy[Turned]) -> st.SearchStrategy[list[Turned]]:
    """Lives in which these things happen, days pass and the check runs."""
    return st.lists(st.one_of(PASSED, st.just(CHECK), *what), min_size=1, max_size=8)


LIVES = st.one_of(lives(BY_HAND), lives(HEARD), lives(BY_HAND, HEARD))
BORN = st.sampled_from(
    [
        Tenant("acme", "p"),
        Tenant("acme", "p", demo=True),
        Tenant("acme", "p", status=Status.TRIAL, trial_until=Clock().now() + timedelta(days=3)),
    ]
)


class Office:
    """All that changes a tenant's status, over one store."""

    def __init__(self, tenant: Tenant, clock: Clock, grace_days: int) -> None:
        self.clock, self.policy = clock, Policy(grace_days=grace_days, trial_days=3)
        self.facts: list[Fact] = []
        self.store, self.registry = MemoryStore(), Registry([Plan("p")], [tenant])
        tell = self.facts.append
        writer = AccountWriter(self.store, self.registry, clock, tell, asyncio.Lock())
        in_force = InForce(self.policy, self.registry)
        self.follower = Follower(
            writer,
            self.store.subscription_store,
            clock,
            in_force,
            gateway=STRIPE,
            live=False,
        )
        self.desk, _ = administrations(self.store, writer, clock, self.policy)
        self.check = DailyCheck(writer, self.store.subscription_store, self.store, clock, in_force)

    @property
    def tenant(self) -> Tenant:
        return self.registry.tenants["acme"]

    @property
    def lived(self) -> Status:
        return self.tenant.status_at(self.clock.now(), self.policy.grace_days)

    @property
    def verdicts(self) -> Sequence[Reason | None]:
        """Return the verdicts on calls in each direction, now and in the coming days."""
        now, grace_days = self.clock.now(), self.policy.grace_days
        return [
            self.tenant.closed_for(direction, now + timedelta(days=days), grace_days)
            for days in range(9)
            for direction in Direction
        ]

    async def transition(self, turned: Turned) -> None:
        match turned:
            case Heard(ident, status, hours_ago):
                as_of = self.clock.now() - timedelta(hours=hours_ago)
                picture = subscription(ident, status=status, as_of=as_of, status_since=None)
                await self.follower.apply_snapshot(replace(picture, tenant="acme", live=False))
            case Declared(status):
                demo = str(self.tenant.demo).lower()
                text = f'[tenant.acme]\nstatus = "{status}"\ndemo = {demo}\n'
                await self.desk.apply(read_accounts(text, "file"), named("root"), dry_run=False)
            case Tried(days):
                with suppress(AdministrationError):
                    until = self.clock.now() + timedelta(days=days)
                    await self.desk.trial("acme", until, named("root"))
            case _ if turned == SUSPEND:
                await self.desk.suspend("acme", named("root"))
            case _ if turned == ACTIVATE:
                await self.desk.activate("acme", named("root"))


@given(
    born=BORN,
    grace_days=st.sampled_from([0, 2, 7]),
    life=st.builds(list.__add__, QUIET, LIVES),
)
@settings(deadline=None, max_examples=600)
def test_booking_keeps_up_with_life_and_makes_no_difference_to_a_call(
    born: Tenant, grace_days: int, life: list[Turned]
) -> None:
    asyncio.run(_live(born, grace_days, life))


async def _live(born: Tenant, grace_days: int, life: list[Turned]) -> None:
    clock = Clock()
    booked, unbooked = (Office(born, clock, grace_days) for _ in range(2))
    for turned in life:
        if isinstance(turned, Passed):
            clock.passed_s += turned.hours * 3600
        elif turned == CHECK:
            await booked.check.run()
            assert booked.tenant.status is booked.lived
        else:
            await booked.transition(turned)
            await unbooked.transition(turned)
        assert (booked.verdicts, booked.lived) == (unbooked.verdicts, unbooked.lived)
    for fact in booked.facts:
        if isinstance(fact, StatusChanged):
            known = TRANSITIONS[fact.transition]
            assert fact.before in known.before
            assert fact.after in known.after
