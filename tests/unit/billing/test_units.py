"""Usage other than calls appears on the statement of the period in which it arrived."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.billing.units import UnitsUsed
from pbxbilling.catalog.rates import UnitPrice
from tests.support.billing.statements import ACME, BASIC, Office, utc

WORDY = replace(
    BASIC, meters=(UnitPrice("words", 500_000, 1000, "Words"), UnitPrice("messages", 70_000))
)


async def used(office: Office, reference: str, meter: str, units: int, at: str) -> None:
    await office.store.commit([UnitsUsed(reference, "acme", meter, units, utc(at))])


async def test_units_are_added_up_and_priced_once_a_meter() -> None:
    office = Office("2026-11-01T00:00", plans=(WORDY,))
    await office.at("2026-11-01T00:00")
    for reference, units in (("a", 700), ("b", 500)):
        await used(office, reference, "words", units, "2026-11-05T00:00")
    await used(office, "c", "messages", 3, "2026-11-30T23:59:59")
    await used(office, "d", "messages", 9, "2026-12-01T00:00")
    await office.at("2026-12-01T00:00:01")
    (november,) = office.finals
    lines = office.lines(november)
    assert lines["units:words:500000"] == 60
    assert lines["units:messages:70000"] == 21


async def test_on_a_trial_they_are_shown_and_free() -> None:
    trying = replace(ACME, trial_until=utc("2026-12-24T00:00"))
    office = Office("2026-11-01T00:00", trying, plans=(WORDY,))
    await office.at("2026-11-01T00:00")
    await used(office, "a", "words", 5000, "2026-11-05T00:00")
    issued = await office.statements.preview("acme")
    (line,) = [one for one in issued.statement.lines if one.key.startswith("units:")]
    assert (line.quantity, line.amount) == (5000, 0)


async def test_a_meter_that_the_plan_has_no_more_is_shown_without_a_price() -> None:
    office = Office("2026-11-01T00:00")
    await office.at("2026-11-01T00:00")
    await used(office, "a", "faxes", 2, "2026-11-05T00:00")
    issued = await office.statements.preview("acme")
    (line,) = [one for one in issued.statement.lines if one.key.startswith("units:")]
    assert (line.text, line.quantity, line.amount) == ("Faxes", 2, 0)
