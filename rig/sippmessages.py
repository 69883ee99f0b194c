"""Timing from SIPp's message log: how long answers took, and what was retransmitted.

The log has microseconds; SIPp's own response times come in steps of 4 ms. Its own count of
retransmissions covers its side only: an ACK that the other side never received shows as the answer
that arrives again.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple


class Timing(NamedTuple):
    """The timing of a run: milliseconds from each INVITE to its final answer, and surplus messages.

    A retransmitted INVITE counts from the first. Surplus are messages sent or received more than
    once, and messages of an earlier run's call; `invites_again` of them are INVITEs.
    """

    answer_ms: list[float]
    again: int
    invites_again: int = 0


def timing(log: str) -> Timing:
    """Parse a message log."""
    invited: dict[str, datetime] = {}
    answer_ms: dict[str, float] = {}
    seen: set[tuple[str, str]] = set()
    again = invites_again = 0
    for at, first, call_id in _messages(log):
        if first.startswith("INVITE"):
            invited.setdefault(call_id, at)
        if call_id not in invited or (call_id, first) in seen:
            again += 1
            invites_again += first.startswith("INVITE")
            continue
        seen.add((call_id, first))
        if first.startswith("SIP/2.0") and first.split()[1] >= "200":
            answer_ms.setdefault(call_id, (at - invited[call_id]).total_seconds() * 1000)
    return Timing(list(answer_ms.values()), again, invites_again)


def _messages(log: str) -> Iterator[tuple[datetime, str, str]]:
    """Yield the time, first line and Call-ID of each message."""
    for entry in re.split(r"^-{20,} ", log, flags=re.MULTILINE)[1:]:
        stamp, _, message = entry.partition("\n")
        call_id = re.search(r"^Call-ID: *(\S+)", message, re.MULTILINE)
        at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
        yield at, message.split("\n\n")[1].partition("\n")[0], call_id[1] if call_id else ""
