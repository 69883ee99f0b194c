"""Hypothesis strategies for a month of calls and the tariffs to charge it by."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from pbxbilling.billing.rating.rating import UsedLeg
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion, switched
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement
from pbxbilling.kernel.codes import LegDirection
from tests.support.billing.tariffs import NOVEMBER, moment, tariff, throughout

# Zero, the edges of a minute, and any duration up to some hours.
TALKS_US = st.one_of(
    st.sampled_from([0, 1, 59_999_999, 60_000_000, 60_000_001, 61_000_000]),
    st.integers(0, 15_000_000_000),
)
RATES = st.sampled_from([0, 1, 4_999, 5_000, 15_000, 20_000, 500_000, 1_234_567])
DAYS = st.integers(1, 30)
PREFIXES = st.sampled_from(["1", "44", "447", "4479", "49"])
NUMBERS = st.sampled_from(["", "15550100", "+4420", "447900", "4479", "4930"])
DESTINATIONS = st.lists(
    st.builds(
        DestinationRate,
        prefix=PREFIXES,
        per_minute_micros=RATES,
        name=st.sampled_from(["", "Somewhere"]),
        since=DAYS.map(lambda day: date(2026, 11, day)) | st.just(date.min),
        in_allowance=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda rate: (rate.prefix, rate.since),
).map(tuple)
INCREMENTS = st.sampled_from(["60/60", "6/6", "30/6", "60/1", "1/1", "0/1"])
DIRECTIONS = st.sets(st.sampled_from(LegDirection)).map(frozenset)


def tariffs() -> st.SearchStrategy[Tariff]:
    """Any tariff in euros."""
    return st.builds(
        tariff,
        price=st.integers(0, 100_000),
        included_minutes=st.none() | st.integers(0, 300),
        included_directions=DIRECTIONS,
        overage_per_minute_micros=RATES,
        price_per_call_micros=RATES,
        billing_increment=INCREMENTS.map(BillingIncrement.parse),
        tax_rate_bp=st.sampled_from([0, 775, 1_900, 10_000]),
        destinations=DESTINATIONS,
    )


@st.composite
def terms(draw: st.DrawFn) -> tuple[TariffVersion, ...]:
    """November under one tariff, or under several in sequence."""
    tariff_versions = throughout(draw(tariffs()), NOVEMBER)
    for day in sorted(draw(st.sets(st.integers(2, 30), max_size=2))):
        tariff_versions = switched(tariff_versions, draw(tariffs()), moment(day))
    return tariff_versions


def legs(least: int = 0, most: int = 12) -> st.SearchStrategy[list[UsedLeg]]:
    """Legs of November, each with an id of its own."""
    return st.lists(
        st.builds(
            UsedLeg,
            key=st.integers(1, 10_000).map(lambda number: ChannelKey("pbx1", str(number))),
            direction=st.sampled_from(LegDirection),
            number=NUMBERS,
            ended_at=st.builds(moment, DAYS, st.sampled_from([0, 1, 3_600])),
            talk_us=TALKS_US,
            estimated=st.booleans(),
            over_limit=st.booleans(),
            emergency=st.booleans(),
        ),
        min_size=least,
        max_size=most,
        unique_by=lambda leg: leg.key,
    )
