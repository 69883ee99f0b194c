"""The contract of every retention store; a class of tests derives from this."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxbilling.billing.records import SavedStatement
from pbxbilling.calls.live.records import DecisionQuery, LegRecord
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.numbers import cut
from pbxbilling.kernel.records import Record
from pbxbilling.privacy.retention import Chore, Retention
from pbxbilling.subscriptions.events import EventState
from tests.contract.empty_stores import OfAnyStore
from tests.support.billing.records import copy_of, saved
from tests.support.identity.tokens import ANN, TOKEN
from tests.support.kernel.actors import audited
from tests.support.kernel.clock import Clock
from tests.support.privacy.purges import purge_of
from tests.support.store.records import after, call, decision, ended_leg, leg
from tests.support.store.whole_store import WholeStore
from tests.support.subscriptions.records import event

LATER, FAR = after(86_400), after(40 * 86_400)
BEFORE = datetime.min.replace(tzinfo=LATER.tzinfo, year=1970)
NUMBER, CALLER = "15550100", "101"

# Each store's own class runs a law: those are the differing executors, on purpose.
LAW = settings(max_examples=12, suppress_health_check=[HealthCheck.differing_executors])


class HoldingsContract(OfAnyStore):
    """One suite for the real store and for the one in memory."""

    async def done(self, store: WholeStore, chore: Chore, before: datetime = LATER) -> int:
        """Do a chore on all that is due."""
        found = await store.retention_store.due(chore, BEFORE, before, 100)
        assert await store.retention_store.count(chore, before) == len(found)
        return await store.retention_store.do(chore, before, [due.key for due in found])

    async def test_a_leg_goes_once_a_final_statement_has_it_as_it_is(self) -> None:
        one = ended_leg("1.1")
        async with self.opened() as store:
            await store.commit([one])
            assert await self.done(store, Chore.LEGS) == 0
            await store.commit([saved(), copy_of(one)])
            assert await self.done(store, Chore.LEGS, after(10)) == 0  # not old yet
            assert await self.done(store, Chore.LEGS) == 1
            assert await store.legs([one.key]) == {}

    @pytest.mark.parametrize(
        "changed", [{"talk_us": 1}, {"tenant": "globex"}, {"direction": LegDirection.INBOUND}]
    )
    async def test_a_leg_that_was_charged_otherwise_stays_for_its_adjustment(
        self, changed: dict[str, object]
    ) -> None:
        one = ended_leg("1.1")
        async with self.opened() as store:
            await store.commit([one, saved(), copy_of(one, **changed)])
            assert await self.done(store, Chore.LEGS) == 0

    async def test_a_leg_from_before_anything_was_billed_goes_by_its_age(self) -> None:
        first = saved("2026-12", begins=after(3600))
        interim = saved("2026-12", number=1, begins=after(3600))
        async with self.opened() as store:
            await store.commit([ended_leg("1.1"), interim])
            assert await self.done(store, Chore.LEGS) == 0
            await store.commit([first])
            assert await self.done(store, Chore.LEGS) == 1

    async def test_an_unanswered_leg_goes_by_its_age_and_an_open_one_stays(self) -> None:
        silent = ended_leg("1.1", answered_at=None, talk_us=0, month=None)
        nobodys = replace(silent, key=leg("1.2").key, tenant=None)
        async with self.opened() as store:
            await store.commit([silent, nobodys, leg("1.3"), saved()])
            assert await self.done(store, Chore.LEGS) == 2
            assert await store.open_legs() == [leg("1.3")]

    async def test_purging_legs_without_a_tenant_is_a_chore_of_its_own(self) -> None:
        nobodys = ended_leg("1.1", tenant=None)
        async with self.opened() as store:
            await store.commit([nobodys, saved()])
            assert await self.done(store, Chore.LEGS) == 0
            assert await self.done(store, Chore.UNOWNED_LEGS) == 1
            assert await store.unowned_legs() == []

    async def test_usage_stays_what_it_was_when_its_legs_are_gone(self) -> None:
        legs = [ended_leg(f"1.{n}", talk_s=n) for n in range(1, 5)]
        others = [
            ended_leg("2.1", tenant=None),
            ended_leg("2.2", direction=LegDirection.INBOUND),
            ended_leg("2.3", month="2026-12"),
            ended_leg("2.4", answered_at=None),
        ]
        async with self.opened() as store:
            await store.commit([*legs, *others])
            before = await store.usage()
            november = await store.usage(tenant="acme", month="2026-11")
            await store.commit([copy_of(legs[0]), copy_of(others[2])])
            assert await self.done(store, Chore.LEGS) == 3
            assert await self.done(store, Chore.UNOWNED_LEGS) == 1
            assert await store.usage() == before
            await store.commit([copy_of(legs[1]), copy_of(legs[3])])
            assert await self.done(store, Chore.LEGS) == 2
            assert await store.usage() == before
            assert await store.usage(tenant="acme", month="2026-11") == november
            assert await store.usage(tenant="nobody") == []

    async def test_a_call_goes_when_it_and_its_legs_are_over(self) -> None:
        over = call(ended_at=after(5))
        with_leg = call("c2", ended_at=after(5))
        async with self.opened() as store:
            await store.commit([over, with_leg, call("c3"), leg("1.2", call="c2")])
            assert await self.done(store, Chore.CALLS) == 1
            assert await store.open_calls() == [call("c3")]
            await store.commit([ended_leg("1.2", call="c2")])
            assert await self.done(store, Chore.CALLS) == 1

    async def test_decisions_and_audit_go_by_their_age(self) -> None:
        audit = audited(after(0), "root", "apply", "tenant acme", None, {"plan": "pro"})
        young = replace(audit, at=after(20))
        async with self.opened() as store:
            await store.commit([decision(0), decision(20), audit, young])
            assert await self.done(store, Chore.DECISIONS, after(10)) == 1
            assert await self.done(store, Chore.AUDIT, after(10)) == 1
            (kept,) = await store.decisions(DecisionQuery())
            assert kept.record == decision(20)
            assert await store.audit() == [young]

    async def test_an_event_goes_when_it_is_done_with(self) -> None:
        async with self.opened() as store:
            states = list(EventState)
            await store.commit([event(f"evt_{state}", state=state) for state in states])
            assert await self.done(store, Chore.EVENTS) == 1
            assert await store.subscription_store.webhook_event("evt_done") is None
            left = await store.subscription_store.webhook_events(*EventState)
            assert {one.state for one in left} == set(EventState) - {EventState.DONE}

    @pytest.mark.parametrize(
        "number", ["", "1", "101", "112", "123456", "1234567", NUMBER, "***", "***123", "***1234"]
    )
    async def test_numbers_are_cut_as_the_rule_says_and_once(self, number: str) -> None:
        one = ended_leg("1.1", caller=CALLER, number=number)
        async with self.opened() as store:
            await store.commit([one, copy_of(one), decision(number=number)])
            await store.commit([call(ended_at=after(5), number=number)])
            for chore in (Chore.LEG_NUMBERS, Chore.DECISION_NUMBERS, Chore.CALL_NUMBERS):
                assert await self.done(store, chore) == 1
                assert await self.done(store, chore) == 0
            shown = (await store.legs([one.key]))[one.key]
            assert (shown.caller, shown.number) == ("***", cut(number))
            ((_, decided),) = await store.decisions(DecisionQuery())
            assert (decided.caller, decided.number) == ("***", cut(number))

    async def test_numbers_stay_whole_while_a_statement_is_to_be_made_from_them(self) -> None:
        async with self.opened() as store:
            await store.commit([ended_leg("1.1"), leg("1.2"), call()])
            for chore in (Chore.LEG_NUMBERS, Chore.UNOWNED_LEG_NUMBERS, Chore.CALL_NUMBERS):
                assert await self.done(store, chore) == 0
            await store.commit([ended_leg("1.3", tenant=None)])
            assert await self.done(store, Chore.UNOWNED_LEG_NUMBERS) == 1

    async def test_the_oldest_are_due_first_and_so_many_as_were_asked_for(self) -> None:
        async with self.opened() as store:
            await store.commit([decision(second) for second in (3, 1, 2)])
            found = await store.retention_store.due(Chore.DECISIONS, BEFORE, LATER, 2)
            assert [due.at for due in found] == [after(1), after(2)]
            rest = await store.retention_store.due(Chore.DECISIONS, found[-1].at, LATER, 9)
            assert [due.at for due in rest] == [after(2), after(3)]

    async def test_what_is_due_of_one_tenant_is_asked_for_by_its_name(self) -> None:
        async with self.opened() as store:
            await store.commit([decision(1), decision(2, tenant="globex")])
            found = await store.retention_store.due(
                Chore.DECISIONS, BEFORE, LATER, 9, tenant="globex"
            )
            assert [due.at for due in found] == [after(2)]

    async def test_legs_that_a_statement_is_to_be_made_from_are_counted(self) -> None:
        one, other = ended_leg("1.1"), ended_leg("1.2", tenant="globex")
        async with self.opened() as store:
            await store.commit([one, other, ended_leg("1.3", answered_at=None)])
            assert await store.retention_store.needed("acme") == 1
            await store.commit([copy_of(one), saved()])
            assert await store.retention_store.needed("acme") == 0
            assert await store.retention_store.needed("globex") == 1

    async def test_keys_are_left_out_of_what_the_audit_says_of_one_subject(self) -> None:
        told = audited(after(1), "root", "apply", "tenant acme", None, {"email": "x", "plan": 1})
        other = replace(told, at=after(0), subject="tenant globex")
        async with self.opened() as store:
            await store.commit([told, other])
            await store.retention_store.redact("tenant acme", ["email", "name"])
            assert await store.audit() == [replace(told, after={"plan": 1}), other]

    async def test_a_tenants_people_and_programs_lose_their_names_and_are_out(self) -> None:
        bob = replace(ANN, id="bobbobbobbob", email="bob@globex.example", tenant="globex")
        gone = replace(ANN, totp="JBSWY3DPEHPK3PXP", recovery=("x",))
        async with self.opened() as store:
            await store.commit([gone, bob, TOKEN])
            await store.retention_store.forget_people("acme", after(3))
            blank = replace(
                gone,
                email=f"{ANN.id}@forgotten.invalid",
                password="",
                totp="",
                recovery=(),
                disabled_at=after(3),
            )
            assert sorted(await store.identity_store.users(), key=lambda one: one.id) == [
                blank,
                bob,
            ]
            (token,) = await store.identity_store.tokens()
            assert (token.name, token.revoked_at) == ("", after(3))

    async def test_what_is_not_due_any_more_is_left(self) -> None:
        one = call(ended_at=after(5))
        async with self.opened() as store:
            await store.commit([one])
            found = await store.retention_store.due(Chore.CALLS, BEFORE, LATER, 9)
            await store.commit([leg("1.2")])  # of that call, and open
            assert (
                await store.retention_store.do(Chore.CALLS, LATER, [due.key for due in found]) == 0
            )

    @LAW
    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 7)), max_size=25, unique=True))
    async def test_nothing_that_a_statement_or_an_open_leg_needs_is_ever_gone(
        self, drawn: list[tuple[int, int]]
    ) -> None:
        records = [record for days, kind in drawn for record in some(days, kind)]
        clock, facts = Clock(), list[Fact]()
        clock.passed_s = 200 * 86_400.0
        kept = Retention(calls_days=185, decisions_days=0, numbers_days=180)
        async with self.opened() as store:
            await store.commit(records)
            first = min(
                (one.begins for one in records if isinstance(one, SavedStatement)), default=BEFORE
            )
            usage, late = (
                await store.usage(),
                await store.statement_store.late_legs("acme", first, FAR),
            )
            live, nobodys = await store.open_legs(), await store.unowned_legs()
            await purge_of(store, clock, facts, kept).run()
            assert await store.usage() == usage
            assert await store.statement_store.late_legs("acme", first, FAR) == late
            assert await store.open_legs() == live
            left = await store.unowned_legs()
            assert [one.key for one in nobodys if young(one)] == [one.key for one in left]
            again = await purge_of(store, clock, facts, kept).run()
            assert set(again.rows.values()) <= {0}


def young(one: LegRecord) -> bool:
    """Return whether the leg is younger than 185 days at 200 days past noon."""
    return one.ended_at is not None and one.ended_at >= after(15 * 86_400)


def some(days: int, kind: int) -> list[Record]:
    """Return a leg and its call that ended so many days past noon, in the state `kind` selects."""
    ended, name = after(days * 86_400), f"c{days}-{kind}"
    whole = ended_leg(f"{days}.{kind}", call=name, started_at=ended - timedelta(60), ended_at=ended)
    over = call(name, ended_at=ended)
    match kind:
        case 0:
            return [whole, over, copy_of(whole)]
        case 1:
            return [whole, over]  # on no statement
        case 2:
            return [whole, over, copy_of(whole, talk_us=7)]  # charged otherwise
        case 3:
            return [replace(whole, tenant=None), over]
        case 4:
            return [leg(f"{days}.{kind}", call=name), over]  # open, though its call is not
        case 5:
            return [leg(f"{days}.{kind}", call=name), call(name)]
        case 6:
            return [replace(whole, answered_at=None, month=None), over]
        case _:
            return [saved(f"2026-{days}", begins=ended, ends=ended), over]
