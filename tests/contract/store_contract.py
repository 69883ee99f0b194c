"""The contract of every store of accounts and calls; a test class derives from this."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.ports import AccountTransaction
from pbxbilling.accounts.records import Act, AuditQuery
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.billing.ports import BillingTransaction
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import (
    DecisionQuery,
    EndWitness,
    LegAssigned,
    LegPart,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Cycle, Limits, Overage, Plan, Prices
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.audit import Actor, ActorType, AuditEvent
from pbxbilling.kernel.codes import LegDirection, Mode, Outcome, Reason
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact, StoreFailing, StoreRecovered
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.ports import Transaction
from pbxbilling.kernel.records import Cursor, Record
from rig.waiting import patience_s
from tests.contract.empty_stores import OfAnyStore
from tests.support.billing.records import one_off
from tests.support.kernel.actors import audited
from tests.support.kernel.every_field import differing
from tests.support.store.records import NOON, after, call, decision, ended_leg, leg
from tests.support.store.whole_store import WholeStore

KEY = leg().key
WITNESSED = [EndWitness.LIVE, EndWitness.JOURNAL]
GUESSED = [EndWitness.ESTIMATED, EndWitness.UNLISTED]

# Each store's own class runs a law: those are the differing executors, on purpose.
LAW = settings(max_examples=20, suppress_health_check=[HealthCheck.differing_executors])

ACME = "tenant acme"
FIRST, SECOND = Cursor("x", after(1)), Cursor("x", after(2))


async def nested_commit(store: WholeStore) -> None:
    await store.commit([SECOND])


async def nested_transaction(store: WholeStore) -> None:
    async with store.transaction("tenant globex") as transaction:
        await transaction.write([SECOND])


async def nested_transact(store: WholeStore) -> None:
    await store.transact("tenant globex", lambda transaction: transaction.write([SECOND]))


async def nested_in_a_task(store: WholeStore) -> None:
    await asyncio.create_task(nested_commit(store), name="nested")


async def take_number(transaction: BillingTransaction) -> int:
    """Write a one-off line with the next number, after letting every other task run."""
    taken = [entry.number for entry in await transaction.statement_store.one_offs("acme")]
    await asyncio.sleep(0)
    number = 1 + max(taken, default=0)
    await transaction.write([one_off(number)])
    return number


class StoreContract(OfAnyStore):
    """One suite for the real store and for the one in memory."""

    async def written(self, *records: Record) -> LegRecord:
        """Return the leg after these records, a commit each."""
        async with self.opened() as store:
            for record in records:
                await store.commit([record])
            return (await store.legs([KEY]))[KEY]

    async def test_accounts_come_back_as_they_were_written(self) -> None:
        plan = Plan(
            "pro",
            "Pro €",
            "For two desks",
            Limits(max_calls=5, max_trunk_legs=0),
            count_internal=True,
            included_minutes=0,
            included_directions=frozenset(LegDirection),
            overage=Overage.BLOCK,
            currency="EUR",
            prices={Cycle.MONTH: 1999, Cycle.YEAR: 0},
            setup_fee=24_900,
            overage_per_minute_micros=15_000,
            price_per_call_micros=1,
            billing_increment=BillingIncrement(30, 6),
            tax_rate_bp=1_900,
            destinations=(
                DestinationRate("44", 50_000, "Britain", date(2026, 12, 1), in_allowance=True),
                DestinationRate("1", 1),
            ),
            meters=(UnitPrice("words", 500_000, 1000, "Words"), UnitPrice("messages", 1)),
            features=frozenset({"recording", "fax"}),
            gateway_prices={STRIPE: Prices("price_1", "price_2", "price_3", "price_4")},
            active=False,
            recommended=True,
            sort_order=-1,
        )
        tenant = Tenant(
            "acme",
            "pro",
            address="Main Street 1",
            contacts=("a@acme.example",),
            vat_id="DE123",
            tax_exempt=True,
            status=Status.TRIAL,
            status_since=after(-1),
            blocks=frozenset({Blocker.OPERATOR, Blocker.TRIAL}),
            trial_until=after(0.000_001),
            mode=Mode.LOG,
            limits={"max_calls": None, "max_trunk_legs": 3},
            accountcodes=("a", "b"),
            dids=("+15550100",),
            contexts=("from-acme",),
            timezone="Europe/Berlin",
            anchor_day=31,
            demo=True,
            extensions=9,
            customer="cus_1",
            subscription="sub_1",
            renews_at=after(1),
            setup_paid_at=after(2),
            usage_collection=UsageCollection(
                CollectionMethod.METER_EVENTS, CollectionMethod.INVOICE_ITEMS, after(3)
            ),
        )
        async with self.opened() as store:
            await store.commit([tenant, plan, Plan("free")])
            accounts = await store.accounts()
        assert accounts.plans == (Plan("free"), plan)
        assert accounts.tenants == (tenant,)

    async def test_unlimited_minutes_and_none_are_two_things(self) -> None:
        unlimited, none = Plan("flat", included_minutes=None), Plan("metered", included_minutes=0)
        async with self.opened() as store:
            await store.commit([unlimited, none])
            assert (await store.accounts()).plans == (unlimited, none)

    async def test_a_tenant_may_have_any_text(self) -> None:
        text = "\"Zoë\" \\ \U0001f4de\u2028\t['{}']"
        listed = f"{text}\x00"  # no name can have a zero
        tenant = Tenant("acme", "pro", name=text, address="1", contacts=(listed,), dids=(listed,))
        async with self.opened() as store:
            await store.commit([Plan("pro"), tenant])
            assert (await store.accounts()).tenants == (tenant,)

    async def test_an_account_written_again_replaces_the_one_of_its_slug(self) -> None:
        async with self.opened() as store:
            await store.commit([Plan("pro"), Tenant("acme", "pro"), Tenant("acme", "free")])
            await store.commit([Plan("pro", active=False)])
            accounts = await store.accounts()
        assert accounts.plans == (Plan("pro", active=False),)
        assert accounts.tenants == (Tenant("acme", "free"),)

    async def test_every_field_of_an_account_comes_back_set_or_not(self) -> None:
        plans = (differing(Plan), Plan("free"))
        tenants = (differing(Tenant), Tenant("globex", "free"))
        async with self.opened() as store:
            await store.commit([*plans, *tenants])
            kept = await store.accounts()
        assert (kept.plans, kept.tenants) == (plans, tenants)

    async def test_a_key_has_the_origin_that_was_written_last(self) -> None:
        plans = KeyOrigin(AccountKind.PLAN, "acme", "name", SetBy.COMMAND, after(1))
        plan, mode, other = (
            KeyOrigin(AccountKind.TENANT, slug, key, SetBy.COMMAND, after(2))
            for slug, key in (("acme", "plan"), ("acme", "mode"), ("globex", "plan"))
        )
        again = replace(plan, by=SetBy.GATEWAY, at=after(3.000_001))
        async with self.opened() as store:
            await store.commit([plans, plan, mode, other])
            await store.commit([again])
            assert await store.key_origins(AccountKind.TENANT, "acme") == [mode, again]
            assert await store.key_origins(AccountKind.PLAN, "acme") == [plans]
            assert await store.key_origins(AccountKind.PLAN, "globex") == []

    async def test_keys_that_another_than_the_file_set_are_found(self) -> None:
        origins = [KeyOrigin(AccountKind.TENANT, "acme", f"key{by}", by, after(1)) for by in SetBy]
        async with self.opened() as store:
            await store.commit(origins)
            found = await store.keys_not_by_file()
            assert {one.by for one in found} == set(SetBy) - {SetBy.FILE}
            await store.commit([replace(one, by=SetBy.FILE) for one in found])
            assert await store.keys_not_by_file() == []

    async def test_open_calls_are_those_without_an_end(self) -> None:
        live, over = call("c1"), call("c2", ended_at=after(5))
        async with self.opened() as store:
            await store.commit([live, over])
            assert await store.open_calls() == [live]

    async def test_a_late_state_never_reopens_a_call(self) -> None:
        async with self.opened() as store:
            await store.commit([call(ended_at=after(5)), call()])
            await store.commit([call(answered_at=after(1))])
            assert await store.open_calls() == []

    async def test_a_call_without_a_tenant_is_kept(self) -> None:
        nobodys = call(tenant=None)
        async with self.opened() as store:
            await store.commit([nobodys])
            assert await store.open_calls() == [nobodys]

    async def test_merges_name_the_older_call_from_that_instant_on(self) -> None:
        early = call("c2", merged_into="c1", ended_at=after(1))
        late = call("c3", merged_into="c1", ended_at=after(2))
        async with self.opened() as store:
            await store.commit([call("c1"), early, late, call("c4", ended_at=after(3))])
            assert await store.merges(after(0)) == {"c2": "c1", "c3": "c1"}
            assert await store.merges(after(2)) == {"c3": "c1"}
            assert await store.merges(after(2.000_001)) == {}

    async def test_open_legs_are_answered_and_have_no_end(self) -> None:
        live = leg("1")
        async with self.opened() as store:
            await store.commit([live, leg("2", answered_at=None), ended_leg("3")])
            assert await store.open_legs() == [live]

    async def test_legs_leaves_out_what_is_unknown(self) -> None:
        async with self.opened() as store:
            await store.commit([ended_leg()])
            known = await store.legs([KEY, ChannelKey("other", KEY.uniqueid)])
            assert known == {KEY: ended_leg()}
            assert await store.legs([]) == {}

    async def test_thousands_of_legs_can_be_asked_for_at_once(self) -> None:
        written = [ended_leg(str(number)) for number in range(2500)]
        async with self.opened() as store:
            await store.commit(written)
            known = await store.legs(each.key for each in written)
        assert known == {each.key: each for each in written}

    @pytest.mark.parametrize("witness", WITNESSED)
    @pytest.mark.parametrize("guess", GUESSED)
    async def test_an_estimated_end_gives_way_to_a_witnessed_one(
        self, guess: EndWitness, witness: EndWitness
    ) -> None:
        known = ended_leg(witness=witness, talk_s=7)
        assert await self.written(ended_leg(witness=guess), known) == known

    async def test_of_two_proofs_of_life_the_later_one_is_the_end(self) -> None:
        sooner, later = (ended_leg(witness=EndWitness.ESTIMATED, talk_s=s) for s in (7, 9))
        assert await self.written(sooner, later) == later
        assert await self.written(later, sooner) == later

    @pytest.mark.parametrize("first", GUESSED)
    @pytest.mark.parametrize("then", GUESSED)
    async def test_the_later_proof_of_life_counts_unless_the_leg_was_gone_by_then(
        self, first: EndWitness, then: EndWitness
    ) -> None:
        sooner, later = ended_leg(witness=first, talk_s=7), ended_leg(witness=then, talk_s=9)
        assert await self.written(sooner, later) == later
        assert await self.written(later, sooner) == later
        assert later.ended_at is not None
        gone = replace(sooner, gone_by=later.ended_at - timedelta(seconds=1))
        assert await self.written(gone, later) == gone
        assert await self.written(later, gone) == gone

    @pytest.mark.parametrize("witness", WITNESSED)
    @pytest.mark.parametrize("later", EndWitness)
    async def test_a_witnessed_end_is_never_overwritten(
        self, witness: EndWitness, later: EndWitness
    ) -> None:
        known = ended_leg(witness=witness, talk_s=7)
        assert await self.written(known, ended_leg(witness=later, talk_s=8)) == known

    @pytest.mark.parametrize("witness", WITNESSED)
    @pytest.mark.parametrize("later", WITNESSED)
    async def test_of_two_witnessed_ends_the_earlier_counts(
        self, witness: EndWitness, later: EndWitness
    ) -> None:
        early = ended_leg(witness=later, talk_s=7)
        assert await self.written(ended_leg(witness=witness, talk_s=8), early) == early

    @pytest.mark.parametrize("witness", EndWitness)
    async def test_a_late_state_never_reopens_a_leg(self, witness: EndWitness) -> None:
        known = ended_leg(witness=witness)
        assert await self.written(leg(), known, leg(number="2")) == known

    async def test_a_better_end_without_an_owner_takes_no_leg_from_its_tenant(self) -> None:
        known = ended_leg(witness=EndWitness.ESTIMATED)
        nobodys = ended_leg(witness=EndWitness.JOURNAL, tenant=None, billed_s=0)
        assert await self.written(known, nobodys) == known

    @pytest.mark.parametrize("witness", WITNESSED)
    async def test_a_guessed_answer_and_a_lacking_owner_give_way(self, witness: EndWitness) -> None:
        guessed = ended_leg(witness=witness, answer_guessed=True, tenant=None)
        owned = replace(guessed, tenant="globex")
        seen = replace(owned, answer_guessed=False)
        assert await self.written(guessed, owned, seen, guessed, owned) == seen
        taken = replace(seen, tenant=None)
        assert await self.written(owned, taken) == owned

    async def test_unowned_legs_are_answered_ended_and_nobodys_newest_first(self) -> None:
        old, new = ended_leg("1", tenant=None), ended_leg("2", tenant=None, talk_s=61)
        async with self.opened() as store:
            await store.commit([old, new, leg("3", tenant=None), ended_leg("4")])
            await store.commit([ended_leg("5", tenant=None, answered_at=None)])
            assert await store.unowned_legs() == [new, old]

    async def test_a_list_of_legs_goes_on_after_the_last_one_seen(self) -> None:
        """Also where several ended in one instant, on two PBXes."""
        keys = [ChannelKey(pbx, ident) for ident in ("1", "2") for pbx in ("main", "other")]
        legs = [
            replace(ended_leg(tenant=None, witness=EndWitness.ESTIMATED), key=key) for key in keys
        ]
        ordered = legs[::-1]
        async with self.opened() as store:
            await store.commit(legs)
            for place, one in enumerate(ordered):
                assert one.ended_at is not None
                part = LegPart((one.ended_at, one.key), 2)
                assert await store.unowned_legs(part) == ordered[place + 1 : place + 3]
                assert await store.estimated_legs(part=part) == ordered[place + 1 : place + 3]

    async def test_an_assignment_gives_a_leg_that_is_nobodys_to_a_tenant(self) -> None:
        given_to = LegAssigned(KEY, "globex", billed_s=66, allowance_s=60, month="2026-12")
        row = await self.written(ended_leg(tenant=None), given_to)
        assert row == replace(
            ended_leg(), tenant="globex", billed_s=66, allowance_s=60, month="2026-12"
        )

    async def test_an_assignment_never_takes_a_leg_from_its_owner(self) -> None:
        assert await self.written(ended_leg(), LegAssigned(KEY, "globex", 1, 1, "2026-12")) == (
            ended_leg()
        )

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    async def test_records_of_one_leg_keep_their_order_in_a_commit(
        self, order: tuple[int, ...]
    ) -> None:
        records: list[Record] = [
            ended_leg(tenant=None),
            LegAssigned(KEY, "globex", 66, 60, "2026-12"),
            leg(tenant=None),
        ]
        mixed = [records[index] for index in order]
        async with self.opened() as store:
            await store.commit(mixed)
            together = (await store.legs([KEY]))[KEY]
        assert together == await self.written(*mixed)

    @LAW
    @given(
        st.data(),
        st.sampled_from(WITNESSED),
        st.lists(st.sampled_from(["open", "estimated", "witnessed"]), max_size=5),
    )
    async def test_any_order_and_repetition_of_a_legs_records_gives_one_row(
        self, data: st.DataObject, witness: EndWitness, repeated: list[str]
    ) -> None:
        states = {
            "open": leg(),
            "estimated": ended_leg(witness=EndWitness.ESTIMATED, talk_s=59),
            "witnessed": ended_leg(witness=witness),
        }
        names = data.draw(st.permutations([*states, *repeated]))
        async with self.opened() as store:
            cut = data.draw(st.integers(0, len(names)))
            await store.commit([states[name] for name in names[:cut]])
            await store.commit([states[name] for name in names[cut:]])
            assert await store.legs([KEY]) == {KEY: states["witnessed"]}

    @LAW
    @given(
        st.lists(
            st.builds(
                ended_leg,
                uniqueid=st.integers(0, 30).map(str),
                talk_s=st.integers(0, 10**10),
                tenant=st.sampled_from([None, "acme", "globex"]),
                month=st.sampled_from(["2026-10", "2026-11"]),
                direction=st.sampled_from(LegDirection),
            ),
            max_size=40,
            unique_by=lambda record: record.key,
        )
    )
    async def test_usage_is_the_sum_of_the_legs(self, legs: list[LegRecord]) -> None:
        talked: Counter[object] = Counter()
        for each in legs:
            talked[each.tenant, each.month, each.direction, "legs"] += 1
            talked[each.tenant, each.month, each.direction, "us"] += each.talk_us
        async with self.opened() as store:
            await store.commit([*legs, *legs])
            usage = await store.usage()
        found: Counter[object] = Counter()
        for row in usage:
            found[row.tenant, row.month, row.direction, "legs"] = row.calls
            found[row.tenant, row.month, row.direction, "us"] = row.talk_us
        assert found == talked

    async def test_usage_counts_answered_legs_that_have_ended(self) -> None:
        async with self.opened() as store:
            await store.commit([leg("1"), ended_leg("2", answered_at=None), ended_leg("3")])
            assert await store.usage() == [
                UsageRow("acme", "2026-11", LegDirection.OUTBOUND, 1, 60_000_000, 60, 60)
            ]

    async def test_usage_of_a_tenant_and_of_a_month(self) -> None:
        async with self.opened() as store:
            await store.commit(
                [
                    ended_leg("1"),
                    ended_leg("2", month="2026-12"),
                    ended_leg("3", tenant="globex"),
                    ended_leg("4", tenant=None),
                ]
            )
            assert [row.tenant for row in await store.usage()] == [None, "acme", "acme", "globex"]
            assert [row.month for row in await store.usage(tenant="acme")] == ["2026-11", "2026-12"]
            among = await store.usage(among=["globex", "nobody"])
            assert [row.tenant for row in among] == ["globex"]
            december = await store.usage(month="2026-12")
            assert [(row.tenant, row.calls) for row in december] == [("acme", 1)]

    async def test_decisions_come_newest_first_as_they_were_written(self) -> None:
        refused = decision(
            2, Outcome.REFUSE, breach=Reason.MAX_CALLS, used=5, limit=5, call=None, direction=None
        )
        admitted, would = decision(1), decision(2, Outcome.WOULD_REFUSE, pbx=None, tenant="globex")
        async with self.opened() as store:
            await store.commit([admitted, refused])
            await store.commit([would])
            whole = await store.decisions(DecisionQuery())
            assert [one.record for one in whole] == [would, refused, admitted]
            last, middle, _ = whole
            wanted = {
                DecisionQuery(refused=True): [would, refused],
                DecisionQuery(tenant="acme"): [refused, admitted],
                DecisionQuery(since=after(2)): [would, refused],
                DecisionQuery(limit=1): [would],
                DecisionQuery(before=(after(2), last.id)): [refused, admitted],
                DecisionQuery(before=(after(2), middle.id), limit=1): [admitted],
            }
            for query, rows in wanted.items():
                assert [one.record for one in await store.decisions(query)] == rows, query

    async def test_the_audit_trail_comes_newest_first(self) -> None:
        first = audited(after(0), "root", "apply", "tenant acme", None, {"plan": "pro"})
        second = audited(after(0), "root", "suspend", "tenant acme", {"blocks": []}, None)
        other = audited(after(9), "root", "apply", "plan pro", {}, {"name": None})
        async with self.opened() as store:
            await store.commit([first, second, other])
            assert await store.audit() == [other, second, first]
            assert await store.audit(subject="tenant acme") == [second, first]
            assert await store.audit(limit=1) == [other]

    async def test_the_audit_trail_is_read_by_what_it_is_about_a_page_at_a_time(self) -> None:
        suspended = Act(AuditEvent.TENANT_SUSPENDED, "suspend")
        who = Actor(ActorType.TOKEN, "token reports", "id", "192.0.2.1", "r1", "invoice unpaid")
        row = suspended.on("tenant acme", who, after(1), None, {"blocks": ["operator"]}, "acme")
        first = audited(after(0), "root", "apply", "plan pro", None, {"name": "Pro"})
        last = audited(after(2), "root", "apply", "tenant acme", {}, {"name": "Acme"})
        async with self.opened() as store:
            await store.commit([first, row, last])
            whole = await store.audit_trail(AuditQuery())
            assert [one.record for one in whole] == [last, row, first]
            wanted = {
                AuditQuery(tenant="acme"): [last, row],
                AuditQuery(event=AuditEvent.TENANT_SUSPENDED): [row],
                AuditQuery(actor="token reports"): [row],
                AuditQuery(subject="plan pro"): [first],
                AuditQuery(since=after(1)): [last, row],
                AuditQuery(limit=2): [last, row],
                AuditQuery(before_id=whole[1].id): [first],
                AuditQuery(tenant="globex"): [],
            }
            for query, rows in wanted.items():
                assert [one.record for one in await store.audit_trail(query)] == rows, query

    async def test_a_mark_is_the_last_one_written(self) -> None:
        async with self.opened() as store:
            await store.commit([PbxMark("main", after(1), "a.csv", 5), PbxMark("two")])
            await store.commit([PbxMark("main", after(2), "a.csv", 2**40)])
            assert await store.marks() == {
                "main": PbxMark("main", after(2), "a.csv", 2**40),
                "two": PbxMark("two"),
            }

    async def test_a_cursor_moves(self) -> None:
        async with self.opened() as store:
            assert await store.cursor("events") is None
            await store.commit([Cursor("events", after(1))])
            await store.commit([Cursor("events", after(2))])
            assert await store.cursor("events") == after(2)
            assert await store.cursors_of(["events", "others"]) == {"events": after(2)}

    async def test_an_empty_commit_is_none(self) -> None:
        async with self.opened() as store:
            await store.commit([])
            assert await store.usage() == []

    async def test_a_transaction_keeps_all_that_it_wrote(self) -> None:
        async with self.opened() as store:
            async with store.transaction(ACME) as transaction:
                await transaction.write([call(), FIRST])
                await transaction.write([])
                await transaction.write([leg(), one_off()])
            assert await store.open_calls() == [call()]
            assert await store.open_legs() == [leg()]
            assert await store.cursor("x") == FIRST.at
            assert await store.statement_store.one_offs("acme") == [one_off()]

    @pytest.mark.parametrize("error", [ValueError("no"), KeyError("no"), StoreError("no")])
    async def test_an_exception_of_a_body_passes_through_and_nothing_is_kept(
        self, error: Exception
    ) -> None:
        async with self.opened() as store:
            await store.commit([FIRST])
            with pytest.raises(type(error)) as caught:  # noqa: PT012 - the body is what raises
                async with store.transaction(ACME) as transaction:
                    await transaction.write([call(), SECOND])
                    raise error
            assert caught.value is error
            assert await store.open_calls() == []
            assert await store.cursor("x") == FIRST.at
            await store.commit([SECOND])
            assert await store.cursor("x") == SECOND.at

    async def test_each_transaction_that_takes_a_version_takes_the_next_one(self) -> None:
        async def counted(transaction: AccountTransaction) -> int:
            return await transaction.next_version()

        async def regretted(transaction: AccountTransaction) -> int:
            await transaction.next_version()
            raise ValueError

        async with self.opened() as store:
            assert (await store.accounts()).version == 0
            assert [await store.transact("a", counted) for _ in range(2)] == [1, 2]
            with pytest.raises(ValueError, match=r"^$"):
                await store.transact("a", regretted)
            await store.commit([FIRST])
            assert (await store.accounts()).version == 2
            assert await store.transact("b", counted) == 3

    async def test_a_transaction_reads_what_it_wrote_and_all_others_see_it_at_the_end(self) -> None:
        async with self.opened() as store:
            await store.commit([FIRST, one_off()])
            async with store.transaction(ACME) as transaction:
                assert await transaction.cursor("x") == FIRST.at
                assert await transaction.cursor("y") is None
                await transaction.write([SECOND, one_off(2)])
                inside, outside = transaction.statement_store, store.statement_store
                assert await transaction.cursor("x") == SECOND.at
                assert await inside.one_offs("acme") == [one_off(), one_off(2)]
                assert await store.cursor("x") == FIRST.at
                assert await outside.one_offs("acme") == [one_off()]
            assert await store.cursor("x") == SECOND.at
            assert await outside.one_offs("acme") == [one_off(), one_off(2)]

    async def test_numbers_that_are_taken_at_once_follow_each_other(self) -> None:
        async with self.opened() as store:
            await store.commit([one_off(7)])
            taken = await asyncio.gather(*(store.transact(ACME, take_number) for _ in range(5)))
            assert sorted(taken) == [8, 9, 10, 11, 12]
            kept = await store.statement_store.one_offs("acme")
            assert [entry.number for entry in kept] == [7, 8, 9, 10, 11, 12]

    async def test_a_commit_waits_for_the_end_of_a_transaction(self) -> None:
        begun = asyncio.Event()

        async def commit(store: WholeStore) -> None:
            await begun.wait()
            await store.commit([SECOND])

        async with self.opened() as store:
            committing = asyncio.create_task(commit(store), name="commit")
            async with store.transaction(ACME) as transaction:
                begun.set()
                await asyncio.sleep(0.02)
                assert await transaction.cursor("x") is None
                await transaction.write([FIRST])
                assert not committing.done()
            await committing
            assert await store.cursor("x") == SECOND.at

    @pytest.mark.parametrize(
        "nested", [nested_commit, nested_transaction, nested_transact, nested_in_a_task]
    )
    async def test_a_transaction_inside_another_raises_and_the_outer_one_goes_on(
        self, nested: Callable[[WholeStore], Awaitable[None]]
    ) -> None:
        async with self.opened() as store:
            async with asyncio.timeout(patience_s(5)), store.transaction(ACME) as transaction:
                with pytest.raises(RuntimeError, match="inside the transaction 'tenant acme'"):
                    await nested(store)
                await transaction.write([FIRST])
            assert await store.cursor("x") == FIRST.at
            await nested(store)
            assert await store.cursor("x") == SECOND.at

    async def test_a_transaction_of_another_store_may_be_inside(self) -> None:
        async with self.opened() as outer, self.opened() as inner, asyncio.timeout(patience_s(5)):
            async with outer.transaction(ACME) as first, inner.transaction(ACME) as second:
                await first.write([FIRST])
                await second.write([SECOND])
                for store in (outer, inner):
                    with pytest.raises(RuntimeError, match="inside"):
                        await store.commit([Cursor("x", after(3))])
            assert await outer.cursor("x") == FIRST.at
            assert await inner.cursor("x") == SECOND.at

    async def test_a_task_that_outlives_a_transaction_writes_after_it(self) -> None:
        over = asyncio.Event()

        async def commit_later(store: WholeStore) -> None:
            await over.wait()
            await store.commit([SECOND])

        async with self.opened() as store:
            async with store.transaction(ACME) as transaction:
                later = asyncio.create_task(commit_later(store), name="later")
                await transaction.write([FIRST])
            over.set()
            await later
            assert await store.cursor("x") == SECOND.at

    async def test_a_refused_record_spoils_a_transaction_whose_body_goes_on(self) -> None:
        async with self.opened() as store:
            await store.commit([one_off()])
            with pytest.raises(StoreError) as caught:  # noqa: PT012 - the end raises it again
                async with store.transaction(ACME) as transaction:
                    with pytest.raises(StoreError) as refused:
                        await transaction.write([FIRST, one_off(2), one_off()])
                    with pytest.raises(StoreError):
                        await transaction.write([SECOND])
                    with pytest.raises(StoreError):
                        await transaction.cursor("x")
            assert caught.value is refused.value
            assert await store.statement_store.one_offs("acme") == [one_off()]
            assert await store.cursor("x") is None

    async def test_a_finished_transaction_cannot_be_used(self) -> None:
        async with self.opened() as store:
            async with store.transaction(ACME) as transaction:
                pass
            with pytest.raises(RuntimeError, match="over"):
                await transaction.write([FIRST])
            with pytest.raises(RuntimeError, match="over"):
                await transaction.cursor("x")
            assert await store.cursor("x") is None

    async def test_a_cancelled_body_keeps_nothing_and_the_store_serves_on(self) -> None:
        wrote = asyncio.Event()

        async def hang(transaction: BillingTransaction) -> None:
            await transaction.write([FIRST, call()])
            wrote.set()
            await asyncio.Event().wait()

        async with self.opened() as store, asyncio.timeout(patience_s(5)):
            hanging = asyncio.create_task(store.transact(ACME, hang), name="hanging")
            await wrote.wait()
            hanging.cancel()
            with suppress(asyncio.CancelledError):
                await hanging
            assert await store.open_calls() == []
            await store.commit([SECOND])
            assert await store.cursor("x") == SECOND.at

    # --- what follows from facts ---------------------------------------------------------------

    async def test_what_follows_from_facts_is_committed_with_the_records(self) -> None:
        async with self.opened() as store:
            store.consequences = MarkOfEach()
            await store.commit([Cursor("x", NOON)], [FAILED])
            await store.commit([], [RECOVERED])
            assert set(await store.marks()) == {"StoreFailing", "StoreRecovered"}
            assert await store.cursor("x") == NOON

    async def test_a_transaction_that_fails_has_no_consequences(self) -> None:
        async with self.opened() as store:
            store.consequences = MarkOfEach()
            with pytest.raises(RuntimeError, match="changed my mind"):
                await store.transact("x", written_and_regretted)
            assert (await store.marks(), await store.cursor("x")) == ({}, None)
            async with store.transaction("x") as transaction:
                await transaction.write([], [FAILED])
            assert set(await store.marks()) == {"StoreFailing"}


FAILED, RECOVERED = StoreFailing(NOON, "full", 1), StoreRecovered(NOON, 1)


async def written_and_regretted(transaction: Transaction) -> None:
    await transaction.write([Cursor("x", NOON)], [FAILED])
    raise RuntimeError("changed my mind")


class MarkOfEach:
    """`Consequences`: one mark per fact, by its name."""

    def records_for(self, facts: Sequence[Fact], /) -> Sequence[PbxMark]:
        return [PbxMark(type(fact).__name__) for fact in facts]
