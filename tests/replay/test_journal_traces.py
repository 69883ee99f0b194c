"""The recorded journal of a real Asterisk, through the reader's parser and the fold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.fold import JournalFold
from pbxbilling.calls.journal.journal import JournalLeg, JournalPosition, JournalRow
from pbxbilling.calls.live.channel import Trunks
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.cel.lines import parse_lines
from pbxbilling.kernel.codes import LegDirection
from tests.support.ami.traces import TRACES

NAMES = sorted(path.stem for path in TRACES.glob("*.csv"))
START = JournalPosition()

# Per case the answered trunk legs in the order of their beginning: direction, tenants by hook,
# account codes, number.
OUT, IN = "outbound", "inbound"
MOBILE, SECOND = "0155501", "0155502"
ACME_OUT = (OUT, (), ("acme",), MOBILE)
ACME_IN = (IN, ("acme",), (), "+15550100")
GLOBEX_OUT = (OUT, ("globex",), (), MOBILE)
Expected = tuple[str, tuple[str, ...], tuple[str, ...], str]
ANSWERED_LEGS: dict[str, list[Expected]] = {
    "attended-transfer": [ACME_OUT],
    "attended-transfer-by-code": [ACME_OUT],
    "attended-transfer-outside": [ACME_IN, ACME_OUT],
    "between-tenants": [],
    "blind-transfer": [ACME_OUT],
    "blind-transfer-outside": [(IN, ("globex",), (), "+15550200"), GLOBEX_OUT],
    "conference": [(IN, ("acme",), (), "+15550102")] * 2,
    "fork-of-three": [ACME_OUT],
    "forward": [ACME_IN, (OUT, ("acme",), (), MOBILE)],
    "forward-in-dialplan": [(IN, ("acme",), (), "+15550103"), (OUT, ("acme",), (), MOBILE)],
    "local-kept": [ACME_OUT],
    "local-optimised": [ACME_OUT],
    "originate": [ACME_OUT],
    "originate-through-local": [(OUT, (), (), MOBILE)],
    "outbound-answered": [ACME_OUT],
    "outbound-busy": [],
    "outbound-given-up": [],
    "outbound-hung-up-by-carrier": [GLOBEX_OUT],
    "outbound-no-answer": [],
    "outbound-slow-end": [ACME_OUT],
    "park-and-retrieve": [ACME_OUT],
    "park-and-time-out": [ACME_OUT],
    "pickup": [ACME_IN],
    "queue": [(IN, ("acme",), (), "+15550101")],
    "redirect-both": [ACME_OUT, (OUT, (), ("acme",), SECOND)],
    "refused": [],
    "unhooked": [(OUT, (), ("acme",), f"*6{MOBILE}")],
}


def rows(name: str) -> tuple[JournalRow, ...]:
    recorded = (TRACES / f"{name}.csv").read_bytes()
    lines = parse_lines(recorded, more=False)
    assert (lines.skipped, lines.consumed) == (0, len(recorded))
    return lines.rows


def fold() -> JournalFold:
    return JournalFold("pbx1", Trunks(["PJSIP/carrier*"]))


def answered(legs: list[JournalLeg]) -> list[JournalLeg]:
    told = [leg for leg in legs if leg.answered_at is not None]
    return sorted(told, key=lambda leg: int(leg.key.uniqueid.rpartition(".")[2]))


def test_every_case_that_was_recorded_is_expected() -> None:
    assert sorted(ANSWERED_LEGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_case_has_its_answered_trunk_legs_each_with_its_owner(name: str) -> None:
    told = [
        (str(leg.direction), leg.owner.tenants, leg.owner.accountcodes, leg.number)
        for leg in answered(fold().feed(rows(name), START))
    ]
    assert told == ANSWERED_LEGS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_channel_has_ended_and_nothing_is_kept(name: str) -> None:
    folding = fold()
    folding.feed(rows(name), START)
    end = JournalPosition("f", 1)
    assert not folding._channels
    assert not folding.answered
    assert folding.needed_from(end) == end


@pytest.mark.parametrize("name", NAMES)
def test_every_leg_begins_is_answered_and_ends_in_that_order(name: str) -> None:
    for leg in answered(fold().feed(rows(name), START)):
        assert leg.started_at
        assert leg.answered_at
        assert leg.ended_at
        assert leg.started_at < leg.answered_at < leg.ended_at


def test_all_cases_in_one_journal_are_one_life_of_asterisk() -> None:
    told = sorted((row for name in NAMES for row in rows(name)), key=lambda row: row.at)
    legs = fold().feed(told, START)
    assert len(answered(legs)) == sum(len(expected) for expected in ANSWERED_LEGS.values())
    assert {leg.witness for leg in legs} == {EndWitness.JOURNAL}


def test_a_forwarded_call_has_a_leg_each_way() -> None:
    incoming, outgoing = answered(fold().feed(rows("forward"), START))
    assert (incoming.direction, outgoing.direction) == (LegDirection.INBOUND, LegDirection.OUTBOUND)
    assert incoming.linkedid == outgoing.linkedid


@given(st.sampled_from(NAMES), st.lists(st.floats(0, 1), max_size=8))
def test_any_cut_of_a_recording_gives_the_same_legs(name: str, cuts: list[float]) -> None:
    recorded = (TRACES / f"{name}.csv").read_bytes()
    folding, ended, at = fold(), [], 0
    for cut in (*sorted(cuts), 1.0):
        lines = parse_lines(recorded[at : round(cut * len(recorded))], more=False)
        ended += folding.feed(lines.rows, START)
        at += lines.consumed
    assert ended == fold().feed(rows(name), START)
