"""Billing periods follow one another without a gap, whatever changes meanwhile."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import first_begin, period_from
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription

ACME = Tenant("acme", "starter", timezone="Europe/Berlin")
BOUGHT = datetime(2026, 11, 21, 13, 22, 5, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sub(
    start: datetime = BOUGHT, end: datetime | None = None, created: datetime = BOUGHT
) -> Subscription:
    return Subscription(
        "sub_1",
        "cus_1",
        Status.ACTIVE,
        ("price_1",),
        min(created, start),
        start,
        live=False,
        tenant="acme",
        period_start=start,
        period_end=end,
    )


def test_without_a_subscription_periods_are_the_calendars() -> None:
    begins = utc("2026-10-31T23:00")
    assert period_from(begins, ACME, None) == ACME.period_at(begins)
    assert first_begin(ACME, None, utc("2026-11-21T10:00")) == begins


def test_a_month_with_a_change_of_clocks_is_whole() -> None:
    october = period_from(utc("2026-09-30T22:00"), ACME, None)
    assert (october.month, october.ends) == ("2026-10", utc("2026-10-31T23:00"))
    assert october.ends - october.begins == timedelta(days=31, hours=1)


def test_a_subscription_that_begins_within_a_month_ends_that_period() -> None:
    stub = period_from(utc("2026-10-31T23:00"), ACME, sub())
    assert (stub.month, stub.ends) == ("2026-11", BOUGHT)
    first = period_from(BOUGHT, ACME, sub(), taken={"2026-11"})
    assert (first.month, first.ends) == ("2026-11.2", utc("2026-12-21T13:22:05"))


def test_a_yearly_subscription_has_months() -> None:
    yearly = sub(end=utc("2027-11-21T13:22:05"))
    assert period_from(utc("2027-02-21T13:22:05"), ACME, yearly).ends == utc("2027-03-21T13:22:05")


def test_the_31st_falls_on_the_last_day_of_a_shorter_month() -> None:
    february = sub(utc("2027-02-28T08:00"), utc("2027-03-31T08:00"))
    assert period_from(utc("2027-01-31T08:00"), ACME, february).ends == utc("2027-02-28T08:00")
    assert period_from(utc("2027-03-31T08:00"), ACME, february).ends == utc("2027-04-30T08:00")
    assert first_begin(ACME, february, utc("2027-04-01T00:00")) == utc("2027-03-31T08:00")


def test_a_year_that_began_on_29_february_has_months_from_the_29th() -> None:
    second = replace(
        sub(utc("2029-02-28T08:00"), utc("2030-02-28T08:00")), anchored_at=utc("2028-02-29T08:00")
    )
    cycle = BillingCycle("in_2", "acme", "sub_1", utc("2029-02-28T08:00"), utc("2030-02-28T08:00"))
    for cycles in ((), (cycle,)):
        begins, ends = utc("2029-02-28T08:00"), []
        for _ in range(12):
            begins = period_from(begins, ACME, second, cycles).ends
            ends.append(f"{begins:%Y-%m-%d}")
        assert ends[0] == "2029-03-29"
        assert ends[-2:] == ["2030-01-29", "2030-02-28"]
        assert {end[-2:] for end in ends[:-1]} == {"29"}


@given(
    anchor=st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1)),  # noqa: DTZ001 - made aware
    months=st.sampled_from([1, 3, 6, 12]),
    cycles_on=st.integers(0, 60),
)
def test_every_month_of_every_cycle_begins_on_the_day_of_the_anchor(
    anchor: datetime, months: int, cycles_on: int
) -> None:
    anchor = anchor.replace(microsecond=0, tzinfo=UTC)
    begins, ends = (_on(anchor, months * (cycles_on + step)) for step in (0, 1))
    present = replace(sub(begins, ends), anchored_at=anchor)
    for month in range(months):
        begins, expected = (
            period_from(begins, ACME, present).ends,
            _on(anchor, month + 1 + months * cycles_on),
        )
        assert begins == expected


def _on(anchor: datetime, months: int) -> datetime:
    """Return the anchor so many months later, on its day or the last of a shorter month."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def test_an_anchor_that_was_set_anew_leaves_older_cycles_alone() -> None:
    old = BillingCycle("in_1", "acme", "sub_1", utc("2026-11-07T09:00"), utc("2027-11-07T09:00"))
    moved = sub(utc("2026-12-21T09:00"), utc("2027-12-21T09:00"))
    anchored = replace(moved, anchored_at=utc("2026-12-21T09:00"))
    assert period_from(old.begins, ACME, anchored, [old]).ends == utc("2026-12-07T09:00")


def test_a_cycle_opened_by_an_invoice_ends_the_period_before_it() -> None:
    early = utc("2026-12-05T09:00")
    cycle = BillingCycle("in_1", "acme", "sub_1", early, utc("2027-01-05T09:00"))
    moved = sub(early, utc("2027-01-05T09:00"))
    assert period_from(BOUGHT, ACME, moved, [cycle]).ends == early


def test_a_cycle_that_is_over_keeps_its_own_edges_when_the_anchor_has_moved() -> None:
    old = BillingCycle("in_1", "acme", "sub_1", utc("2026-11-07T09:00"), utc("2026-12-07T09:00"))
    moved = sub(utc("2026-12-21T09:00"), utc("2027-01-21T09:00"))
    told = [old, BillingCycle("in_2", "acme", "sub_1", old.ends, utc("2026-12-21T09:00"))]
    assert period_from(old.begins, ACME, moved, told).ends == old.ends
    assert period_from(old.ends, ACME, moved, told).ends == utc("2026-12-21T09:00")


def test_a_first_cycle_that_is_shorter_than_a_month_ends_where_it_says() -> None:
    short = sub(BOUGHT, utc("2026-12-01T00:00"))
    assert period_from(BOUGHT, ACME, short).ends == utc("2026-12-01T00:00")


def test_a_subscription_that_is_gone_leaves_the_rest_of_the_calendars_month() -> None:
    begins = utc("2026-12-21T13:22:05")
    stub = period_from(begins, ACME, None)
    assert (stub.begins, stub.ends) == (begins, utc("2026-12-31T23:00"))


@given(
    st.integers(1_700_000_000, 1_900_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.integers(1, 31),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago"]),
    st.booleans(),
)
def test_periods_neither_gap_nor_overlap_and_have_names_of_their_own(
    start: datetime, anchor_day: int, timezone: str, subscribed: bool
) -> None:
    tenant = replace(ACME, timezone=timezone, anchor_day=anchor_day)
    bought = sub(start) if subscribed else None
    begins = first_begin(tenant, bought, start)
    assert begins <= start
    names: list[str] = []
    for _ in range(30):
        period = period_from(begins, tenant, bought, taken=names)
        assert period.begins == begins < period.ends
        assert period.ends - period.begins <= timedelta(days=31, hours=2)
        assert period.month not in names
        names.append(period.month)
        begins = period.ends
