"""Rejoins AMI messages split by line breaks in caller-supplied values; drops forged ones.

A blank line in a number ends the true message early: what follows looks like separate messages,
the last of which is the rest of the true one. Asterisk writes a message at once, so its pieces
are adjacent in the stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pbxbilling.ami.messages.grammar import ACTED_ON, WHOLE, beginning, rejoined

GROUP_CAP = 1 << 14  # bytes; a true message with all that a caller can add is a few kilobytes

_BLANK_LINE = b"\r\n\r\n"
_STAMP = b"\r\nTimestamp: "
_STATUS = b"Event: Status\r\n"


class Repair:
    """Takes the blocks of one link in order. `rejoined` and `lost` count messages; read and reset.

    A message that cannot be repaired is lost: the next snapshot shows what it reported.
    """

    def __init__(self, token: str) -> None:
        self.rejoined = 0
        self.lost = 0
        self._token = token
        self._action_id = f"\r\nActionID: {token}".encode()
        self._begins: re.Pattern[bytes] = beginning(token, stamped=False)
        self._stamped = False  # whether this PBX puts a timestamp on its events
        self._whole: bytes | None = None  # the last message, if it seems complete
        self._pieces: list[bytes] = []  # what followed it, or an incomplete message

    def take(self, blocks: Iterable[bytes], *, more: bool) -> list[bytes]:
        """Return the messages that these blocks complete.

        `more`: part of another block was read; the last message waits, as its rest may follow.
        """
        out: list[bytes] = []
        for block in blocks:
            if WHOLE.fullmatch(block) is None and not self._is_other(block):
                self._place(block, out)
                continue
            if not self._stamped and _STAMP in block:
                self._stamped = True
                self._begins = beginning(self._token, stamped=True)
            if self._pieces:
                self._end(out)
            elif self._whole is not None:
                out.append(self._whole)
            self._whole = block
        if not more:
            self._let_go(out)
        return out

    def _is_other(self, block: bytes) -> bool:
        """Return whether it is a message that we do not act on; only its beginning is checked."""
        if block.startswith(_STATUS):
            return self._action_id in block  # in its last line, after all that a caller wrote
        return ACTED_ON.match(block) is None and self._begins.match(block) is not None

    def _place(self, block: bytes, out: list[bytes]) -> None:
        """Add an incomplete block: a piece of the last message, or the beginning of another."""
        if self._begins.match(block) is not None:
            self._let_go(out)
        elif self._whole is None and not self._pieces:
            self.lost += 1  # the rest of a message whose beginning we have not seen
            return
        self._pieces.append(block)
        if sum(map(len, self._pieces)) > GROUP_CAP:
            self.lost += 1
            self._whole, self._pieces = None, []

    def _let_go(self, out: list[bytes]) -> None:
        """Hand on what forms a message already; otherwise wait, as its rest may still come."""
        if self._whole is not None:
            self._end(out)
            return
        lost = self.lost
        messages = self._put_together(self._pieces)
        if messages:
            out += messages
            self._pieces = []
        else:
            self.lost = lost

    def _end(self, out: list[bytes]) -> None:
        whole, pieces = self._whole, self._pieces
        if whole is None:
            out += self._put_together(pieces)
        elif not pieces:
            out.append(whole)
        else:
            out += self._put_together([whole, *pieces])
        self._whole, self._pieces = None, []

    def _put_together(self, pieces: list[bytes]) -> list[bytes]:
        """Return the messages in these pieces. The last beginning that forms one is a true one."""
        if not pieces:
            return []
        for at in reversed(range(len(pieces))):
            if self._begins.match(pieces[at]):
                message = rejoined(_BLANK_LINE.join(pieces[at:]))
                if message is not None:
                    self.rejoined += 1
                    return [*self._put_together(pieces[:at]), message]
        self.lost += 1
        return []
