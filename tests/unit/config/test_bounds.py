"""Every number in outside input has bounds: the last value is accepted, the next refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field, ValidationError

from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.load import load
from pbxbilling.config.sections import Section
from pbxbilling.config.tenants_csv import read_tenants
from pbxbilling.kernel import bounds
from pbxbilling.kernel.money import check_rate, to_micros
from tests.support.config.number_bounds import (
    NEVER,
    Number,
    UnboundedError,
    every_number,
    numbers_of,
    tried,
)

NUMBERS = every_number()


def test_the_walk_finds_numbers_of_every_kind() -> None:
    found = set(map(str, NUMBERS))
    assert len(found) > 40
    assert found >= {
        "AmiSettings.stale_s", "BillingSettings.grace_days", "RetentionSettings.calls_days",
        "RefusalSettings.suspended", "PbxSettings.port", "AgiSettings.listen", "MqttSettings.url",
        "PlanTable.max_calls", "PlanTable.included_minutes", "PlanTable.price_year",
        "PlanTable.billing_increment", "PlanTable.tax_rate", "PlanTable.sort_order",
        "DestinationTable.since", "DestinationTable.per_minute", "UnitPriceTable.per",
        "TenantTable.extensions", "TenantTable.max_trunk_legs", "TenantRow.anchor_day",
        "UsageBody.units",
    }  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_the_lowest_and_the_highest_are_taken(number: Number) -> None:
    for value in (number.lowest, number.highest):
        number.model.model_validate_json(tried(number, value))


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_the_next_one_is_refused_and_so_is_what_is_no_number(number: Number) -> None:
    for value in (*number.beyond, *NEVER):
        with pytest.raises(ValidationError) as told:
            number.model.model_validate_json(tried(number, value))
        assert [fault["loc"][0] for fault in told.value.errors()] == [number.field], value


class Unbounded(Section):
    count: int = 0


class BoundedOnOneSide(Section):
    days: Annotated[int, Field(ge=0)] | None = None


class ReadInItsOwnWay(Section):
    amount: Annotated[str, AfterValidator(lambda text: str(int(text)))] = "0"


class OfAnotherKind(Section):
    ratio: complex = 0


@pytest.mark.parametrize("model", [Unbounded, BoundedOnOneSide, ReadInItsOwnWay, OfAnotherKind])
def test_a_number_that_is_added_without_bounds_is_found(model: type[Section]) -> None:
    with pytest.raises(UnboundedError, match=model.__name__):
        list(numbers_of(model))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[billing]\ngrace_days = 100000000", r":2: billing.grace_days: expected less than or"),
        ("[retention]\n\ncalls_days = 36501", r":3: retention.calls_days: .* 36500, got 36501"),
        ("[ami]\nstale_s = inf", r":2: ami.stale_s: expected a finite number, got inf"),
        ("[ami]\nstale_s = 1e400", r":2: ami.stale_s: expected a finite number, got inf"),
        (f"[billing]\ntrial_days = {10**400}", r":2: billing.trial_days: .*… \(401 characters\)$"),
        ('[agi]\nlisten = "127.0.0.1:' + "9" * 5000 + '"', r':2: agi.listen: expected "host:port"'),
    ],
)
def test_the_fault_names_file_line_and_key(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "pbxbilling.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told) as fault:
        load(file, {})
    assert str(file) in str(fault.value)
    assert len(str(fault.value)) < 300


def test_the_environment_has_the_same_bounds(tmp_path: Path) -> None:
    (tmp_path / "pbxbilling.toml").write_text("")
    with pytest.raises(ConfigError, match=r"PBXBILLING_AMI__STALE_S: .* expected a finite number"):
        load(tmp_path / "pbxbilling.toml", {"PBXBILLING_AMI__STALE_S": "inf"})


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ('billing_increment = "86401/1"', "plan.p.billing_increment: .*each 86400 at the most"),
        (f"included_minutes = {9 * 10**17}", "plan.p.included_minutes: expected less than or"),
        ('price = "1000000000000"', "plan.p.price: .*at most 12 of them before the point"),
        (
            'overage_per_minute = "10000001"',
            "plan.p.overage_per_minute: .*rate of at most 10000000.00 USD",
        ),
        (
            'destinations = [{ prefix = "49", per_minute = "10000001" }]',
            "plan.p.destinations: prefix 49: per_minute: .*at most 10000000.00 USD",
        ),
        (
            'meters = { words = { price = "10001" } }',
            "plan.p.meters: words: price: .*at most 10000.00 USD",
        ),
    ],
)
def test_an_accounts_file_is_refused_with_line_and_key(key: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"accounts.toml:2: {told}"):
        read_accounts(f"[plan.p]\n{key}\n", "accounts.toml")


def test_a_row_is_refused_with_line_and_column() -> None:
    with pytest.raises(
        ConfigError, match=r"tenants.csv:2: max_calls: .*2147483647, got 2147483648"
    ):
        read_tenants("tenant,max_calls\nacme,2147483648\n", "tenants.csv")


@pytest.mark.parametrize(
    ("currency", "highest"),
    [("JPY", "1000000000"), ("EUR", "10000000"), ("KWD", "1000000"), ("CLF", "100000")],
)
def test_a_rate_is_bounded_in_the_minor_units_of_its_currency(currency: str, highest: str) -> None:
    check_rate(to_micros(highest), currency)
    with pytest.raises(ValueError, match=r"a rate of at most [\d.]+ [A-Z]{3}$"):
        check_rate(to_micros(highest) + 1, currency)


def test_products_of_the_bounds_fit_in_64_bits() -> None:
    fits, digits = 2**63 - 1, 4  # CLF has the most
    assert fits >= bounds.COUNT_MOST * bounds.RATE_MOST_MINOR
    assert fits >= bounds.UNITS_MOST * bounds.UNIT_RATE_MOST_MINOR
    assert 900 * 10 ** (bounds.AMOUNT_DIGITS + digits) <= fits
    assert fits >= bounds.COUNT_MOST * bounds.SECONDS_MOST
