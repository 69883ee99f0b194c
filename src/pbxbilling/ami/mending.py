"""Puts messages together again that a caller's line breaks cut, and lets through no other.

A blank line in a number ends the true message early: what follows it looks like messages of its
own, the last of them being the rest of the true one. Asterisk writes a message at once, so that
all of it stands together in the stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pbxbilling.ami.grammar import ACTED_ON, WHOLE, beginning, mended

GROUP_CAP = 1 << 14  # bytes; a true message with all that a caller can write is a few kilobytes

_BLANK_LINE = b"\r\n\r\n"
_STAMP = b"\r\nTimestamp: "
_STATUS = b"Event: Status\r\n"


class Mender:
    """Takes the blocks of one link in order. `mended` and `lost` count messages; read and reset.

    A message that cannot be made out is lost: the next snapshot tells what it told.
    """

    def __init__(self, token: str) -> None:
        self.mended = 0
        self.lost = 0
        self._token = token
        self._action_id = f"\r\nActionID: {token}".encode()
        self._begins: re.Pattern[bytes] = beginning(token, stamped=False)
        self._stamped = False
        self._group: list[bytes] = []  # one message, perhaps in pieces
        self._is_whole = False  # the group's first block

    def take(self, blocks: Iterable[bytes], *, more: bool) -> list[bytes]:
        """The messages that these blocks complete.

        With `more` of the stream at hand the last one is kept, as its rest may be in there.
        """
        out: list[bytes] = []
        for block in blocks:
            if not self._believes(block):
                self._place(block, out)
                continue
            if self._group:
                self._end(out)
            self._group.append(block)
            self._is_whole = True
        if more:
            return out
        if self._is_whole:
            self._end(out)
        else:
            self._let_go(out)
        return out

    def _place(self, block: bytes, out: list[bytes]) -> None:
        """A block that is no whole message: a piece of the group's, or the beginning of another."""
        begins = self._begins.match(block) is not None
        if not (begins or self._group):
            self.lost += 1  # the rest of a message whose beginning we have not seen
            return
        if begins and self._is_whole:
            self._end(out)
        elif begins:
            self._let_go(out)
        self._group.append(block)
        if sum(map(len, self._group)) > GROUP_CAP:
            self.lost += 1
            self._drop()

    def _let_go(self, out: list[bytes]) -> None:
        """Hand on what is a message already; else the rest of it may still come."""
        lost = self.lost
        messages = self._put_together(self._group)
        if messages:
            out += messages
            self._drop()
        else:
            self.lost = lost

    def _believes(self, block: bytes) -> bool:
        if block.startswith(_STATUS):
            return self._action_id in block  # in its last line; what a caller wrote is before
        if not ACTED_ON.match(block):
            return self._begins.match(block) is not None
        if WHOLE.fullmatch(block) is None:
            return False
        if not self._stamped and _STAMP in block:
            self._stamped = True
            self._begins = beginning(self._token, stamped=True)
        return True

    def _end(self, out: list[bytes]) -> None:
        group = self._group
        if len(group) == 1 and self._is_whole:
            out.append(group[0])
        else:
            out += self._put_together(group)
        self._drop()

    def _drop(self) -> None:
        self._group = []
        self._is_whole = False

    def _put_together(self, pieces: list[bytes]) -> list[bytes]:
        """The messages in these pieces. The last beginning that makes one is a true one."""
        if not pieces or (len(pieces) == 1 and self._believes(pieces[0])):
            return pieces
        for at in reversed(range(len(pieces))):
            if self._begins.match(pieces[at]):
                message = mended(_BLANK_LINE.join(pieces[at:]))
                if message is not None:
                    self.mended += 1
                    return [*self._put_together(pieces[:at]), message]
        self.lost += 1
        return []
