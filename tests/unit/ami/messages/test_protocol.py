from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.ami.messages.protocol import Framer, encode_action, event_name, fields_of, values_of
from pbxbilling.kernel.text import decode

BANNER = b"Asterisk Call Manager/9.0.0\r\n"
STREAM = (
    BANNER + b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
    b"Event: Newchannel\r\nUniqueid: 1.1\r\nCallerIDName: Jos\xc3\xa9 \xe2\x98\x8e\r\n\r\n"
    b"\r\n"
    b"Event: Hangup\r\nUniqueid: 1.1\r\nCallerIDName: Jos\xe9\r\n\r\n"
)
BLOCKS = [
    b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted",
    b"Event: Newchannel\r\nUniqueid: 1.1\r\nCallerIDName: Jos\xc3\xa9 \xe2\x98\x8e",
    b"Event: Hangup\r\nUniqueid: 1.1\r\nCallerIDName: Jos\xe9",
]


def feed(framer: Framer, stream: bytes, cuts: set[int]) -> list[bytes]:
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [block for start, end in pairwise(edges) for block in framer.feed(stream[start:end])]


@given(cuts=st.sets(st.integers(1, len(STREAM))))
def test_any_splitting_of_the_bytes_gives_the_same_messages(cuts: set[int]) -> None:
    framer = Framer()
    assert feed(framer, STREAM, cuts) == BLOCKS
    assert framer.banner == "Asterisk Call Manager/9.0.0"


@given(
    noise=st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"A: b", b": ", b"\xff", b"x" * 30])),
    cuts=st.sets(st.integers(1, 400)),
)
def test_garbage_never_raises_and_splits_the_same(noise: list[bytes], cuts: set[int]) -> None:
    stream = BANNER + b"".join(noise)
    blocks = feed(Framer(), stream, cuts)
    assert blocks == Framer().feed(stream)
    for block in blocks:
        event_name(block)
        fields_of(decode(block))
        values_of(decode(block), "A")


@given(size=st.integers(90, 130), cuts=st.sets(st.integers(1, 400)))
def test_a_message_above_the_cap_is_skipped_to_its_end_and_counted(
    size: int, cuts: set[int]
) -> None:
    large = b"B" * size
    framer = Framer(cap=100)
    blocks = feed(framer, BANNER + b"A: 1\r\n\r\n" + large + b"\r\n\r\nC: 3\r\n\r\n", cuts)
    if size <= 100:
        assert (blocks, framer.oversized) == ([b"A: 1", large, b"C: 3"], 0)
    else:
        assert (blocks, framer.oversized) == ([b"A: 1", b"C: 3"], 1)


def test_a_message_without_an_end_holds_no_memory() -> None:
    framer = Framer(cap=1000)
    framer.feed(BANNER)
    for _ in range(1000):
        assert framer.feed(b"x" * 1000) == []
        assert len(framer._rest) < 2100
    assert framer.oversized == 1


def test_a_peer_that_greets_without_a_line_end_is_given_up_on() -> None:
    framer = Framer()
    framer.feed(b"\0" * 5000)
    assert framer.banner == "\0" * 1024


@given(st.binary().filter(lambda b: b"\r\n" not in b))
def test_no_byte_of_a_line_is_lost_in_decoding(line: bytes) -> None:
    text = decode(line)
    assert line in (text.encode(), text.encode("latin-1", "replace"))
    text.encode()  # no lone surrogates: it can be stored


def test_a_broken_line_leaves_its_neighbours_utf8() -> None:
    assert decode(b"A: Jos\xc3\xa9\r\nB: Jos\xe9") == "A: José\r\nB: José"


def test_the_last_of_a_repeated_key_is_the_field_and_all_are_values() -> None:
    text = "Response: Success\r\nOutput: one\r\nOutput: \r\nOutput:\r\nOutput: two: 2"
    assert fields_of(text)["Output"] == "two: 2"
    assert values_of(text, "Output") == ("one", "", "", "two: 2")


def test_only_an_event_has_an_event_name() -> None:
    assert event_name(b"Event: Hangup\r\nCause: 16") == b"Hangup"
    assert event_name(b"Event: Shutdown") == b"Shutdown"
    assert event_name(b"Response: Success\r\nEvent: Hangup") == b""


def test_an_action_is_crlf_lines_and_a_blank_one() -> None:
    assert encode_action("Status", "7", [("Channel", "PJSIP/josé-1")]) == (
        b"Action: Status\r\nActionID: 7\r\nChannel: PJSIP/jos\xc3\xa9-1\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["x\r\nAction: Originate", "x\nAction: Originate", "x\ry", "x\0"])
def test_a_value_cannot_smuggle_in_another_action(value: str) -> None:
    with pytest.raises(ValueError, match="Channel"):
        encode_action("Status", "7", [("Channel", value)])


def test_a_line_that_asterisk_would_discard_is_refused() -> None:
    with pytest.raises(ValueError, match="Asterisk reads"):
        encode_action("Command", "7", [("Command", "x" * 1000)])
