"""Nested values as one flat mapping and back, by one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from pbxbilling.runtime.flat import Codec, Entry, Flat, word

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
INSTANT = Codec(datetime.isoformat, datetime.fromisoformat)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Bolt:
    colour: Colour
    length: int


@dataclass(frozen=True)
class Wheel:
    bolt: Bolt
    made_at: datetime | None


@dataclass(frozen=True)
class Car:
    name: str
    wheel: Wheel


CAR = Flat(
    Car,
    Entry("made", "wheel.made_at", INSTANT.or_none),
    Entry("name", "name"),
    Entry("colour", "wheel.bolt.colour", word(Colour)),
    Entry("length_mm", "wheel.bolt.length"),
    parts={"wheel": Wheel, "wheel.bolt": Bolt},
)


@pytest.mark.parametrize("made_at", [NOON, None])
def test_a_nested_value_is_flat_when_written_and_whole_when_read(made_at: datetime | None) -> None:
    car = Car("beetle", Wheel(Bolt(Colour.RED, 30), made_at))
    written = CAR.write(car)
    assert list(written) == ["made", "name", "colour", "length_mm"]
    assert written["made"] == (made_at and "2026-11-01T12:00:00+00:00")
    assert type(written["colour"]) is str
    assert CAR.read(written) == car


def test_a_single_field_is_read_as_any() -> None:
    kind = Flat(Bolt, Entry("colour", "colour"), Entry("length", "length"))
    only = Flat(Car, Entry("name", "name"), Entry("bolt", "wheel.bolt"), parts={"wheel": _Hub})
    assert kind.read(kind.write(Bolt(Colour.RED, 1))) == Bolt(Colour.RED, 1)
    assert only.read({"name": "a", "bolt": 1}) == Car("a", _Hub(1))  # type: ignore[arg-type]


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="length_mm"):
        CAR.read({"made": None, "name": "beetle", "colour": "red"})


@dataclass(frozen=True)
class _Hub:
    bolt: object
