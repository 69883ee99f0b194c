"""The same calls, once received over AMI and once recovered from the journal: the same usage.

The traces are of Asterisk 22; those under asterisk-16 were recorded in the same way, those under
forged with a phone that dials line breaks.
"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.ami.messages.mapping import SIGNALS, signal_of
from pbxbilling.ami.messages.protocol import event_name
from pbxbilling.calls.journal.journal import JournalRow
from pbxbilling.calls.live.pbx_facts import Corrected, JournalDisagreed
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.live.signals import FullyBooted, Reloaded, Shutdown
from pbxbilling.cel.lines import parse_lines
from tests.support.ami.traces import TRACES, messages
from tests.support.calls.recovery import PBX, ListedJournal, Run
from tests.support.store.memory_store import MemoryStore

NAMES = sorted(str(p.relative_to(TRACES).with_suffix("")) for p in TRACES.rglob("*.csv"))
WITHIN_US = 100_000


def rows(name: str) -> list[JournalRow]:
    return list(parse_lines((TRACES / f"{name}.csv").read_bytes(), more=False).rows)


def hear(run: Run, name: str, *, share: float = 1.0) -> None:
    """Replay the first part of the recorded events, as they came over the link."""
    blocks = messages(name)
    for block in blocks[: round(len(blocks) * share)]:
        event = event_name(block)
        signal = signal_of(PBX, event, block) if event in SIGNALS else None
        if signal is None or isinstance(signal, FullyBooted | Shutdown | Reloaded):
            continue
        if signal.at is not None:
            run.clock.move_to(max(run.clock.now(), signal.at))
        run.tracker.apply(signal)


def answered(store: MemoryStore) -> list[LegRecord]:
    legs = [leg for leg in store.known_legs.values() if leg.answered_at is not None]
    return sorted(legs, key=lambda leg: leg.key)


def assert_same_usage(one: list[LegRecord], other: list[LegRecord]) -> None:
    assert [leg.key for leg in one] == [leg.key for leg in other]
    for leg, twin in zip(one, other, strict=True):
        assert leg.direction == twin.direction
        assert abs(leg.talk_us - twin.talk_us) <= WITHIN_US


def beginning(name: str) -> Run:
    first = rows(name)[0]
    return Run(MemoryStore(), ListedJournal(), first.at - timedelta(seconds=1))


@pytest.mark.parametrize("name", NAMES)
async def test_the_journal_alone_gives_the_usage_that_was_heard(name: str) -> None:
    live = beginning(name)
    hear(live, name)
    await live.writer.flush()
    recovered = Run(MemoryStore(), ListedJournal(rows(name)))
    recovered.clock.move_to(rows(name)[-1].at + timedelta(seconds=60))
    await recovered.end()
    assert_same_usage(answered(live.store), answered(recovered.store))


@pytest.mark.parametrize("name", NAMES)
async def test_what_was_heard_needs_no_correction(name: str) -> None:
    run = beginning(name)
    hear(run, name)
    await run.writer.flush()
    unowned = {key for key, leg in run.store.known_legs.items() if leg.tenant is None}
    run.journal.rows = rows(name)
    await run.end()
    corrected = {fact.key for fact in run.facts if isinstance(fact, Corrected)}
    assert corrected <= unowned  # the traces have no hooks: only the journal names the payer
    assert not run.facts_of(JournalDisagreed)


@given(st.sampled_from(NAMES), st.floats(0, 1))
async def test_a_link_cut_at_any_point_costs_no_usage(name: str, share: float) -> None:
    whole = beginning(name)
    hear(whole, name)
    await whole.writer.flush()
    cut = beginning(name)
    hear(cut, name, share=share)
    cut.clock.move_to(rows(name)[-1].at + timedelta(seconds=60))
    cut.log_in()
    cut.journal.rows = rows(name)
    await cut.end()
    assert_same_usage(answered(whole.store), answered(cut.store))
