"""When Asterisk was started again, told by nothing but the Uniqueids that it gives."""

from __future__ import annotations


class Lives:
    """Tells one life of Asterisk from the next by its Uniqueids, `seconds.serial`.

    Within one life a lower serial was given earlier, so it cannot carry a later second; after a
    start serials begin at 0 again (main/channel_internal_api.c).
    """

    __slots__ = ("_second", "_serial")

    def __init__(self) -> None:
        self._second = 0
        self._serial = -1

    def begin_anew(self, uniqueid: str) -> bool:
        """Whether this new channel proves that Asterisk was started since the one before."""
        stamp, _, tail = uniqueid.rpartition(".")
        second = stamp.rpartition("-")[2]  # a systemname stands in front
        if not (_is_number(second) and _is_number(tail)):
            return False
        later = self._serial >= int(tail) and int(second) > self._second + 1
        if later or int(tail) > self._serial:
            self._second, self._serial = int(second), int(tail)
        return later


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
