"""Parsing a run's message log, in SIPp's format."""

from rig.sippmessages import Timing, timing


def sent(at: str, first: str, call: str) -> str:
    return (
        f"----------------------------------------------- 2026-11-21 17:36:{at}\n"
        f"UDP message sent (432 bytes):\n\n{first}\nCall-ID: {call}\nCSeq: 1 INVITE\n\nv=0\n\n"
    )


INVITE, BUSY, ACK = "INVITE sip:7@127.0.0.1 SIP/2.0", "SIP/2.0 486 Busy Here", "ACK sip:7 SIP/2.0"
CALL = [
    sent("20.000000", INVITE, "one"),
    sent("20.000500", "SIP/2.0 100 Trying", "one"),
    sent("20.002500", BUSY, "one"),
    sent("20.002600", ACK, "one"),
]


def test_an_answer_is_timed_from_its_invite() -> None:
    other = [sent("20.001000", INVITE, "two"), sent("20.002000", BUSY, "two")]
    assert timing("".join(sorted(CALL + other))) == Timing([1.0, 2.5], 0)


def test_an_invite_sent_again_counts_from_the_first() -> None:
    first = sent("19.000000", INVITE, "one")
    assert timing(first + "".join(CALL)) == Timing([1002.5], 1, invites_again=1)


def test_an_answer_that_comes_again_is_one_too_many() -> None:
    assert timing("".join([*CALL, sent("20.502500", BUSY, "one")])) == Timing([2.5], 1)


def test_an_answer_to_a_call_of_an_earlier_run_is_one_too_many() -> None:
    assert timing("".join([sent("19.900000", BUSY, "gone"), *CALL])) == Timing([2.5], 1)
