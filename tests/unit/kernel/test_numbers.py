"""Each spelling of a number, from any source, is the same number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.policy import EmergencyNumbers
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.numbers import SEPARATORS, Number, compact, cut, found_by, number_in, read
from tests.support.house.build import ROOT
from tests.support.kernel.spellings import (
    BEHIND_ZERO,
    NO_EMERGENCY,
    SPELLED_112,
    dialled,
    separators,
    spelled_anew,
)

SUBROUTINE = ROOT / "config/asterisk/extensions_pbxbilling.conf"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0155901", Number("0155901")),
        ("0-155 901", Number("0155901")),
        ("0(155)90.1", Number("0155901")),
        ("01_55/901", Number("0155901")),
        ("0155901#", Number("0155901")),
        ("+44 20", Number("4420", plus=True)),
        ("(+44) 20-#", Number("4420", plus=True)),
        ("44\N{NO-BREAK SPACE}20\N{NON-BREAKING HYPHEN}1\N{MINUS SIGN}1", Number("442011")),
        ("\N{LEFT-TO-RIGHT OVERRIDE}4420\N{POP DIRECTIONAL FORMATTING}", Number("4420")),
    ],
)
def test_separators_a_plus_in_front_and_a_closing_hash_are_no_digits(
    text: str, number: Number
) -> None:
    assert read(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "1800FLOWERS", "alice", "0155901x7", "0155901;ext=7", "*670155901", "#31#0155901", "0155*9",
        "01#55", "++44", "44+20", "+", "sip:0155901@carrier", "\uff10\uff11", "\u0661\u0661",
        "0155²", "0155901@carrier", "0155901&0155902",
    ],
)  # fmt: skip
def test_what_no_carrier_dials_is_not_usable(text: str) -> None:
    assert read(text) == Number("", usable=False)


@pytest.mark.parametrize("text", ["", "s", " ", "-", "#", cut("0155901"), cut("112")])
def test_a_missing_number_is_unknown_and_not_unusable(text: str) -> None:
    assert read(text) == Number("")


@given(dialled(), st.data())
def test_separators_inserted_anywhere_change_nothing(text: str, data: st.DataObject) -> None:
    spelled = data.draw(spelled_anew(text))
    assert read(spelled) == read(text)


@given(st.text(max_size=12), separators())
def test_a_separator_more_never_makes_a_number_usable(text: str, more: str) -> None:
    assert read(text + more).usable == read(text).usable


def test_what_the_subroutine_writes_as_an_underscore_is_a_separator() -> None:
    written = re.search(r"REPLACE\(ARG3,([^,]*),_\)", SUBROUTINE.read_text())
    assert written is not None
    replaced = bytes.fromhex(written[1].replace("\\\\x", "")).decode()
    assert len(replaced) > 10
    assert compact(replaced) == ""
    assert {c for c in SEPARATORS if c not in " -./_"} <= set(replaced)


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (("+15550100", "15550100", "0015550100", "+1 555-0100", "1(555)0100#"), "15550100"),
        (("alice",), "alice"),
        (("s",), "s"),
        (("00",), "00"),
    ],
)
def test_a_number_is_found_by_the_same_in_all_its_spellings(
    spellings: tuple[str, ...], key: str
) -> None:
    assert {found_by(spelled) for spelled in spellings} == {key}


@pytest.mark.parametrize("told", ["+15550100", "15550100", "0015550100", "+1-555-0100"])
@pytest.mark.parametrize("listed", ["+15550100", "15550100", "+1 (555) 0100"])
def test_a_did_finds_its_tenant_in_every_spelling(listed: str, told: str) -> None:
    registry = Registry([Plan("p")], [Tenant("acme", "p", dids=(listed,))])
    assert registry.owner(did=told) == "acme"
    assert registry.owner(did="15550101") is None
    registry.put_tenant(Tenant("acme", "p", dids=("sales",)))
    assert (registry.owner(did=told), registry.owner(did="sales")) == (None, "acme")


def test_an_extension_without_a_digit_tells_no_number() -> None:
    assert [number_in(each) for each in ("s", "callback", "", "0155", "*97")] == [
        "", "", "", "0155", "*97",
    ]  # fmt: skip


EMERGENCY, BEHIND = EmergencyNumbers(("112",)), EmergencyNumbers(("112",), ("0",))


@pytest.mark.parametrize("number", SPELLED_112)
def test_an_emergency_number_is_one_in_every_spelling(number: str) -> None:
    assert number in EMERGENCY
    assert number in BEHIND


@pytest.mark.parametrize("number", BEHIND_ZERO)
def test_a_prefix_counts_in_front_of_an_emergency_number_alone(number: str) -> None:
    assert number not in EMERGENCY
    assert number in BEHIND


@pytest.mark.parametrize("number", NO_EMERGENCY)
def test_what_has_more_than_an_emergency_number_in_it_is_none(number: str) -> None:
    assert number not in EMERGENCY
    assert number not in BEHIND


def test_emergency_numbers_may_have_a_plus_a_star_and_a_hash() -> None:
    numbers = EmergencyNumbers(("*911", "#77", "112#"), ("+49", "*67"))
    for number in ("*911", "* 911", "#77", "#77#", "112", "+49112", "+49 112#", "*67-112"):
        assert number in numbers
    for number in ("911", "77", "49112", "*49112"):
        assert number not in numbers


@given(st.sampled_from(["112", "911", "0112", "0999", "+112"]), st.data())
def test_separators_never_turn_an_emergency_into_none(number: str, data: st.DataObject) -> None:
    numbers = EmergencyNumbers(("112", "911", "999"), ("0",))
    assert data.draw(spelled_anew(number)) in numbers


@given(dialled())
def test_an_emergency_has_no_digit_but_its_own(text: str) -> None:
    if text in EMERGENCY:
        assert read(text).digits == "112"
