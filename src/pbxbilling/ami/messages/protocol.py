"""Bytes ↔ AMI messages, without a socket: framing of what is read, encoding of actions.

A message is CRLF lines ended by a blank line; keys can repeat; values are bytes in whatever
charset a phone sent (Asterisk's main/manager.c). Only whole messages are decoded, so no read cuts
a character.
"""

from __future__ import annotations

from collections.abc import Iterable

from pbxbilling.kernel.text import decode

BANNER = "Asterisk Call Manager/"
MESSAGE_CAP = 1 << 20  # bytes; the largest genuine message is a few kilobytes
LINE_CAP = 1000  # bytes; Asterisk discards a line that fills its buffer of 1,024

_END = b"\r\n\r\n"
_BANNER_CAP = 1024
_SLACK = 8  # a message's own terminator may follow its last byte, half received


class Framer:
    """Splits a stream into the banner line and blocks: messages without their blank line.

    The blocks are the same however the stream is split into reads. A message above the cap is
    skipped to its end and counted, because closing the link would lose every later message too;
    one that never ends takes no memory, and the ping notices it.
    """

    def __init__(self, cap: int = MESSAGE_CAP) -> None:
        self.banner: str | None = None
        self.oversized = 0
        self._cap = cap
        self._rest = bytearray()
        self._skipping = False

    def feed(self, received: bytes) -> list[bytes]:
        """Take received bytes; return the blocks that they completed, in order."""
        rest = self._rest
        searched = max(0, len(rest) - len(_END) + 1)
        rest += received
        if self.banner is None:
            if not self._take_banner():
                return []
            searched = 0
        end = rest.rfind(_END, searched)
        if end < 0:
            if len(rest) > self._cap + _SLACK:
                self._skip()
            return []
        whole = bytes(rest[:end])
        del rest[: end + len(_END)]
        return self._blocks(whole.split(_END))

    @property
    def begun(self) -> bool:
        """Whether a part of a block has been read."""
        return bool(self._rest)

    def _take_banner(self) -> bool:
        end = self._rest.find(b"\r\n")
        if end < 0 and len(self._rest) <= _BANNER_CAP:
            return False
        line = self._rest[: end if 0 <= end <= _BANNER_CAP else _BANNER_CAP]
        self.banner = decode(bytes(line))
        del self._rest[: len(line)]  # its CRLF stays, and is stripped from the first block
        return True

    def _skip(self) -> None:
        if not self._skipping:
            self._skipping = True
            self.oversized += 1
        del self._rest[: 1 - len(_END)]

    def _blocks(self, found: list[bytes]) -> list[bytes]:
        if self._skipping:
            self._skipping = False
            del found[0]
        blocks = [block for block in (part.strip(b"\r\n") for part in found) if block]
        if any(len(block) > self._cap for block in blocks):
            kept = [block for block in blocks if len(block) <= self._cap]
            self.oversized += len(blocks) - len(kept)
            return kept
        return blocks


def event_name(block: bytes) -> bytes:
    """Return an event's name, empty for a response, without parsing the rest."""
    if not block.startswith(b"Event: "):
        return b""
    end = block.find(b"\r\n", 7)
    return block[7:] if end < 0 else block[7:end]


def fields_of(text: str) -> dict[str, str]:
    """Return the headers of a decoded block; of a repeated key the last (see `values_of`)."""
    return {key: value for key, _, value in [line.partition(": ") for line in text.split("\r\n")]}


def values_of(text: str, key: str) -> tuple[str, ...]:
    """Return every value of a repeated key, such as `Output` in the answer to a Command."""
    pairs = [line.partition(": ") for line in text.split("\r\n")]
    # `Output:` of an empty line may lack the trailing space
    return tuple(value for name, _, value in pairs if name.rstrip(":") == key)


def encode_action(name: str, action_id: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return the bytes of one action.

    Raises ValueError for a header with a line break, which could smuggle in another action, or
    with a NUL, and for one that is longer than Asterisk reads.
    """
    headers = (("Action", name), ("ActionID", action_id), *fields)
    return b"".join(_encode_header(key, value) for key, value in headers) + b"\r\n"


def _encode_header(key: str, value: str) -> bytes:
    line = f"{key}: {value}"
    if any(mark in line for mark in "\r\n\0"):
        msg = f"AMI header {key!r}: a value cannot hold a line break or NUL"
        raise ValueError(msg)
    encoded = line.encode("utf-8", "surrogateescape")
    if len(encoded) > LINE_CAP:
        msg = f"AMI header {key!r}: {len(encoded)} bytes, Asterisk reads {LINE_CAP} at most"
        raise ValueError(msg)
    return encoded + b"\r\n"
