"""The recorded AMI stream of a real Asterisk, through the framer and the mapping."""

import pytest

from pbxbilling.ami.messages.mapping import DIALLED, OWN, SIGNALS, ChannelKeys, row_of, signal_of
from pbxbilling.ami.messages.protocol import Framer, event_name
from pbxbilling.calls.live.signals import OF_THE_PBX, AttendedTransfer, DialBegin, Signal
from pbxbilling.kernel.text import decode
from tests.support.ami.traces import TRACES

NAMES = sorted(path.stem for path in TRACES.glob("*.ami"))


def blocks(name: str, read: int = 1448) -> list[bytes]:
    recorded = (TRACES / f"{name}.ami").read_bytes()
    framer = Framer()
    reads = (recorded[i : i + read] for i in range(0, len(recorded), read))
    return [block for each in reads for block in framer.feed(each)]


def signals(name: str) -> list[Signal | None]:
    named = ((event_name(block), block) for block in blocks(name))
    return [signal_of("pbx1", event, block) for event, block in named if event in SIGNALS]


def test_there_are_traces() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_interest_becomes_a_signal(name: str) -> None:
    heard = signals(name)
    assert heard
    assert None not in heard


@pytest.mark.parametrize("name", NAMES)
def test_every_signal_but_those_of_the_whole_pbx_has_its_instant(name: str) -> None:
    of_channels = [s for s in signals(name) if s and not isinstance(s, OF_THE_PBX)]
    assert of_channels
    assert all(signal.at is not None for signal in of_channels)


@pytest.mark.parametrize("name", NAMES)
def test_every_read_size_gives_the_same_blocks(name: str) -> None:
    whole = blocks(name, read=1 << 20)
    assert all(blocks(name, read) == whole for read in (7, 64, 4096))


def lined_up(keys: ChannelKeys, text: str) -> bool:
    shows = f"\r\n{keys.prefix}ChannelState: " in text
    return not shows or keys.lined_up.search(text) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_channels_headers_are_lined_up_as_the_fast_way_needs_it(name: str) -> None:
    assert all(lined_up(keys, decode(block)) for block in blocks(name) for keys in (OWN, DIALLED))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_channel_list_is_a_channel(name: str) -> None:
    rows = [block for block in blocks(name) if event_name(block) == b"CoreShowChannel"]
    assert all(row_of("pbx1", decode(row)) is not None for row in rows)


def test_an_originated_channel_is_dialled_by_nobody() -> None:
    dials = [signal for signal in signals("originate") if isinstance(signal, DialBegin)]
    assert [dial.caller is None for dial in dials] == [True, False]


def test_a_completed_transfer_names_the_channels_of_both_calls() -> None:
    (transfer,) = (s for s in signals("attended-transfer") if isinstance(s, AttendedTransfer))
    assert transfer.done
    assert len(set(transfer.channels)) == 4
