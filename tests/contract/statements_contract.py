"""The contract of every statement store; a class of tests derives from this."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.records import PlanSwitched, TermsChanged
from pbxbilling.billing.figures import Charged
from pbxbilling.billing.rating.rating import UsedLeg
from pbxbilling.billing.records import EndedPart, OneOffUsed, StatementKey, Talk
from pbxbilling.billing.statements.statement import LineKind
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.records import Cursor
from pbxbilling.subscriptions.subscription import BillingCycle
from tests.contract.empty_stores import OfAnyStore
from tests.support.billing.records import DECEMBER, NOVEMBER, billed, one_off, saved
from tests.support.store.records import after, ended_leg, leg

A_SECOND = timedelta(seconds=1)


class BillsContract(OfAnyStore):
    """One suite for the real store and for the one in memory."""

    async def test_everything_comes_back_as_it_was_written(self) -> None:
        whole = billed(
            included_s=30,
            fee_micros=10_000,
            fee_line="calls:10000",
            estimated=True,
            over_limit=True,
            emergency=True,
        )
        switched = PlanSwitched("acme", after(1), "starter", "pro")
        cycle = BillingCycle("in_1", "acme", "sub_1", NOVEMBER, DECEMBER)
        async with self.opened() as store:
            await store.commit([saved(), whole, one_off(), switched, cycle])
            assert await store.statement_store.statements() == [saved()]
            assert await store.statement_store.billed("acme") == [whole]
            assert await store.statement_store.one_offs("acme") == [one_off()]
            assert await store.statement_store.plan_switches("acme", after(0)) == [switched]
            assert await store.subscription_store.cycles("acme") == [cycle]

    async def test_statements_are_found_by_tenant_and_period_the_final_one_first(self) -> None:
        copy, october = saved(number=1), saved("2026-10")
        globex = saved(tenant="globex")
        async with self.opened() as store:
            await store.commit([copy, globex, saved(), october])
            assert await store.statement_store.statements() == [october, saved(), copy, globex]
            assert await store.statement_store.statements(tenant="acme", month="2026-11") == [
                saved(),
                copy,
            ]
            (listed,) = await store.statement_store.statements(tenant="globex", documents=False)
            assert listed == replace(globex, document={})

    async def test_a_list_of_statements_goes_on_after_the_last_one_seen(self) -> None:
        known = [saved("2026-10"), saved(), saved(number=1), saved(tenant="globex")]
        async with self.opened() as store:
            await store.commit(known[::-1])
            for place, one in enumerate(known):
                last = StatementKey(one.tenant, one.month, one.number)
                statements = store.statement_store.statements
                assert await statements(after=last) == known[place + 1 :]
                assert await statements(after=last, limit=1) == known[place + 1 : place + 2]

    async def test_a_second_final_statement_is_refused_with_all_that_came_with_it(self) -> None:
        async with self.opened() as store:
            await store.commit([saved()])
            with pytest.raises(StoreError):
                await store.commit([Cursor("x", NOVEMBER), saved(total=1), billed()])
            assert await store.statement_store.statements() == [saved()]
            assert await store.statement_store.billed("acme") == []
            assert await store.cursor("x") is None

    async def test_a_leg_is_billed_once_a_statement_and_period(self) -> None:
        async with self.opened() as store:
            await store.commit([billed()])
            with pytest.raises(StoreError):
                await store.commit([billed(talk_us=1)])
            corrected = billed(month="2026-12", talk_us=1)
            await store.commit([corrected])
            assert await store.statement_store.billed("acme", of_month="2026-11") == [
                billed(),
                corrected,
            ]
            assert await store.statement_store.billed("acme", month="2026-12") == [corrected]
            assert (
                await store.statement_store.billed("acme", month="2026-12", of_month="2026-12")
                == []
            )

    async def test_copies_of_legs_are_found_by_their_keys_the_earlier_statement_first(self) -> None:
        other, later = billed("1.2"), billed(month="2026-12", talk_us=1)
        async with self.opened() as store:
            await store.commit([later, billed(), other])
            found = await store.statement_store.billed_copies(
                [billed().key, ChannelKey("main", "9.9")]
            )
        assert found == [billed(), later]

    async def test_charges_are_added_up_by_currency_and_line_of_final_statements(self) -> None:
        lines = [{"kind": "overage", "amount_minor": 7}, {"kind": "plan", "amount_minor": 100}]
        document = {"lines": [*lines, {"kind": "overage", "amount_minor": -2}]}
        final = saved(document=document)
        dollars = saved(tenant="globex", currency="USD", document=document)
        parted = saved("2026-11.2", document={"lines": lines})
        others = [saved(number=1, document=document), saved("2026-12", document=document)]
        async with self.opened() as store:
            await store.commit([final, dollars, parted, *others])
            assert await store.statement_store.charged("2026-11") == [
                Charged("EUR", LineKind.OVERAGE, 12),
                Charged("EUR", LineKind.PLAN, 200),
                Charged("USD", LineKind.OVERAGE, 5),
                Charged("USD", LineKind.PLAN, 100),
            ]
            assert await store.statement_store.charged("2026-1") == []
            assert await store.statement_store.charged_to("2026-11", ["globex", "nobody"]) == {
                "globex": [
                    Charged("USD", LineKind.OVERAGE, 5),
                    Charged("USD", LineKind.PLAN, 100),
                ]
            }

    async def test_a_one_off_line_is_used_once(self) -> None:
        async with self.opened() as store:
            await store.commit([one_off(2), one_off()])
            await store.commit([OneOffUsed("acme", 1, "2026-11")])
            await store.commit([OneOffUsed("acme", 1, "2026-12")])
            used = one_off(used_in="2026-11")
            assert await store.statement_store.one_offs("acme") == [used, one_off(2)]
            assert await store.statement_store.one_offs("globex") == []

    async def test_the_cycle_of_an_invoice_is_opened_once(self) -> None:
        cycle = BillingCycle("in_1", "acme", "sub_1", NOVEMBER, DECEMBER)
        async with self.opened() as store:
            await store.commit([cycle])
            await store.commit([replace(cycle, begins=DECEMBER)])
            assert await store.subscription_store.cycles("acme") == [cycle]

    async def test_changes_of_plan_come_in_order_from_an_instant_on(self) -> None:
        first = PlanSwitched("acme", after(1), "starter", "pro")
        second = PlanSwitched("acme", after(2), "pro", "starter")
        async with self.opened() as store:
            await store.commit([second, first, PlanSwitched("globex", after(1), "pro", "starter")])
            assert await store.statement_store.plan_switches("acme", after(1)) == [first, second]
            assert await store.statement_store.plan_switches("acme", after(2)) == [second]

    async def test_changes_of_terms_come_as_they_were_written(self) -> None:
        plan = TermsChanged(AccountKind.PLAN, "starter", after(3), {"price": "29.00"})
        own = TermsChanged(AccountKind.TENANT, "acme", after(2), {"trial_until": None})
        other = replace(own, slug="globex")
        async with self.opened() as store:
            await store.commit([plan, other])
            await store.commit([own])
            assert await store.statement_store.terms_changes("acme", after(1)) == [plan, own]
            assert await store.statement_store.terms_changes("acme", after(2)) == [plan]

    async def test_legs_of_a_time_are_those_that_ended_in_it_its_end_excluded(self) -> None:
        first = ended_leg("1.1", talk_s=10, month="2026-10")
        last = ended_leg("1.2", talk_s=20)
        at_the_end = ended_leg("1.3", talk_s=30)
        nobody = ended_leg("1.4", talk_s=15, tenant=None)
        silent = ended_leg("1.5", talk_s=15, answered_at=None)
        begins, ends = first.ended_at, at_the_end.ended_at
        assert begins is not None
        assert ends is not None
        async with self.opened() as store:
            await store.commit([at_the_end, last, first, nobody, silent, leg("1.6")])
            assert await store.statement_store.legs_between("acme", begins, ends) == [first, last]
            assert await store.statement_store.legs_between("globex", begins, ends) == []

    async def test_legs_come_in_parts_those_of_one_instant_by_their_ids(self) -> None:
        legs = [ended_leg(f"1.{number}", talk_s=number // 3) for number in range(7)]
        legs += [replace(legs[0], key=ChannelKey(pbx, "1.0")) for pbx in ("a", "main-2", "Z")]
        ordered = sorted(legs, key=lambda leg: (leg.ended_at, str(leg.key)))
        async with self.opened() as store:
            await store.commit(legs)
            found: list[LegRecord] = []
            last = None
            while some := await store.statement_store.legs_between(
                "acme", NOVEMBER, DECEMBER, EndedPart(last, 2)
            ):
                assert len(some) <= 2
                found += some
                last = UsedLeg.of(some[-1]).end
            talk = await store.statement_store.talk_between("acme", NOVEMBER, DECEMBER)
            none = await store.statement_store.talk_between("nobody", NOVEMBER, DECEMBER)
        assert found == ordered
        assert talk == Talk(len(legs), sum(leg.talk_us for leg in legs))
        assert none == Talk(0, 0)

    async def test_copies_of_legs_come_in_parts_by_their_ends(self) -> None:
        ends = after(60)
        first, second = (billed(f"1.{number}", ended_at=ends) for number in (1, 2))
        later = billed("1.3", ended_at=ends + A_SECOND)
        async with self.opened() as store:
            await store.commit([later, second, first, billed("1.4", ended_at=DECEMBER)])
            read = store.statement_store.billed_between
            assert await read("acme", NOVEMBER, DECEMBER) == [first, second, later]
            rest = await read("acme", NOVEMBER, DECEMBER, EndedPart(first.end, 1))
            assert rest == [second]
            assert await read("acme", NOVEMBER, ends) == []
            assert await read("globex", NOVEMBER, DECEMBER) == []

    async def test_copies_of_the_legs_of_a_time_are_found_by_the_legs(self) -> None:
        now = ended_leg("1.1", talk_s=10)
        other = ended_leg("1.2", talk_s=10, tenant="globex")
        copies = [billed("1.1", month="2026-10", of_month="2026-10"), billed("1.1")]
        async with self.opened() as store:
            await store.commit([now, other, copies[1], copies[0], billed("1.2"), billed("1.3")])
            found = await store.statement_store.billed_before("acme", NOVEMBER, DECEMBER)
        assert found == copies

    async def test_a_leg_is_late_unless_a_statement_has_it_as_it_is(self) -> None:
        known, corrected, new = (ended_leg(f"1.{number}", talk_s=10) for number in (1, 2, 3))
        ended_at = known.ended_at
        assert ended_at is not None
        copies = [
            billed("1.1", ended_at=ended_at, talk_us=10_000_000),
            billed("1.2", ended_at=ended_at + A_SECOND, talk_us=11_000_000),
        ]
        async with self.opened() as store:
            await store.commit([known, corrected, new, *copies])
            late = await store.statement_store.late_legs("acme", NOVEMBER, DECEMBER)
        assert late == [corrected, new]

    async def test_units_are_known_by_reference_and_added_up_by_meter(self) -> None:
        used = [
            UnitsUsed("a", "acme", "words", 10, after(0)),
            UnitsUsed("b", "acme", "words", 5, after(1)),
            UnitsUsed("c", "acme", "messages", 1, after(1)),
            UnitsUsed("d", "acme", "words", 100, after(2)),
            UnitsUsed("e", "globex", "words", 100, after(1)),
        ]
        async with self.opened() as store:
            await store.commit(used)
            assert await store.statement_store.units("b") == used[1]
            assert await store.statement_store.units("z") is None
            sums = await store.statement_store.units_between("acme", after(0), after(2))
            assert sums == {"words": 15, "messages": 1}
