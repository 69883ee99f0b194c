"""The AMI stream of a call whose number has line breaks: its two channels, and no third."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.ami.messages.mapping import SIGNALS, row_of, signal_of
from pbxbilling.ami.messages.protocol import event_name
from pbxbilling.calls.live.signals import DialBegin, Hangup, Newchannel, Newstate
from pbxbilling.cel.lines import parse_lines
from pbxbilling.kernel.text import decode
from rig.forgeries import NAMES
from rig.record import VICTIM
from tests.support.ami.traces import TRACES, messages


def heard(name: str, *cuts: int) -> list[object]:
    """Return the signals and rows of a trace."""
    return [
        signal_of("pbx1", event_name(message), message)
        if event_name(message) in SIGNALS
        else row_of("pbx1", decode(message))
        for message in messages(f"forged/{name}", *cuts)
        if event_name(message) in {*SIGNALS, b"CoreShowChannel"}
    ]


def channels(name: str) -> set[str]:
    """Return the Uniqueids in the journal."""
    rows = parse_lines((TRACES / f"forged/{name}.csv").read_bytes(), more=False)
    assert rows.skipped == 0
    return {row.uniqueid for row in rows.rows}


@pytest.mark.parametrize("name", NAMES)
def test_every_message_of_a_forgers_call_is_put_together(name: str) -> None:
    told = heard(name)
    assert None not in told
    kinds = Counter(type(signal) for signal in told)
    assert (kinds[Newchannel], kinds[DialBegin], kinds[Hangup]) == (2, 1, 2)
    up = [s for s in told if isinstance(s, Newstate) and s.channel.state == 6]
    assert {signal.channel.key.uniqueid for signal in up} == channels(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_journal_of_a_forgers_call_has_his_two_channels(name: str) -> None:
    assert len(channels(name)) == 2
    assert VICTIM not in channels(name)


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 20_000), max_size=3))
def test_no_cut_into_reads_touches_anothers_channel(name: str, cuts: list[int]) -> None:
    assert f"uniqueid='{VICTIM}'" not in repr(heard(name, *cuts))
