"""Detect restarts of Asterisk by nothing but the Uniqueids of its channels."""

from __future__ import annotations


class RestartDetector:
    """Tells the runs of Asterisk apart by its Uniqueids, `seconds.serial`.

    Within one run a lower serial was given earlier, so it cannot have a later second; after a
    start serials begin at 0 again (main/channel_internal_api.c). A start within the second after
    the last channel shows only later: `young` holds the channels that came after the highest
    serial and may be of the new run already.
    """

    __slots__ = ("_second", "_serial", "young")

    def __init__(self) -> None:
        self._second = 0
        self._serial = -1
        self.young: set[str] = set()

    def begin_anew(self, uniqueid: str) -> bool:
        """Return whether this new channel proves that Asterisk restarted since earlier ones."""
        stamp, _, tail = uniqueid.rpartition(".")
        second = stamp.rpartition("-")[2]  # a systemname may precede it
        if not (_is_number(second) and _is_number(tail)):
            return False
        at, serial = int(second), int(tail)
        if serial > self._serial:
            self._second, self._serial = at, serial
            self.young.clear()
            return False
        anew = at > self._second + 1 or (serial == self._serial and at > self._second)
        if anew:
            self._second, self._serial = at, serial
        else:
            self.young.add(uniqueid)
        return anew


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
