"""The recorded messages of an Asterisk, as the daemon's link accepts them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from pbxbilling.ami.messages.protocol import Framer
from pbxbilling.ami.messages.repair import Repair

TRACES = Path(__file__).parents[2] / "replay" / "traces"
_BLANK_LINE = b"\r\n\r\n"
_TOKEN = "ours-"
_GOODBYE = b"Response: Goodbye"  # the recorder logs off without an ActionID


def messages(name: str, *cuts: int) -> list[bytes]:
    """Return the messages of a trace, read in pieces cut at these places."""
    recorded = (TRACES / f"{name}.ami").read_bytes().partition(_GOODBYE)[0]
    stream = recorded.replace(b"\r\nActionID: ", f"\r\nActionID: {_TOKEN}".encode())
    framer, mender = Framer(), Repair(_TOKEN)
    places = (cut % len(stream) for cut in cuts)
    # No reader can detect a read that ends with a caller's own blank line (0003).
    inside = sorted(at for at in places if not stream[:at].endswith(_BLANK_LINE))
    edges = [0, *inside, len(stream)]
    found = []
    for start, end in pairwise(edges):
        blocks = framer.feed(stream[start:end])
        found += mender.take(blocks, more=framer.begun)
    return found
