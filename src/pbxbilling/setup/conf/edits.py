"""Changes of a text file, gathered by line, applied at once; all other bytes stay as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pbxbilling.setup.conf.reader import Line


def with_value(line: Line, value: str) -> str:
    """Return a line with another value, and the comment behind it as it was."""
    name, equals, rest = line.raw.partition("=")
    if line.value and line.value in rest:
        return f"{name}{equals}{rest.replace(line.value, value, 1)}"
    return f"{line.name} = {value}"


class Edits:
    """Lines to put before, in place of or behind those of one file; numbers count from 1."""

    def __init__(self) -> None:
        self._before: defaultdict[int, list[str]] = defaultdict(list)
        self._in_place: dict[int, list[str]] = {}
        self._after: defaultdict[int, list[str]] = defaultdict(list)
        self._last: list[str] = []

    def insert_before(self, number: int, lines: Sequence[str]) -> None:
        """Put lines before that one."""
        self._before[number].extend(lines)

    def insert_after(self, number: int, lines: Sequence[str]) -> None:
        """Put lines behind that one."""
        self._after[number].extend(lines)

    def replace(self, number: int, lines: Sequence[str]) -> None:
        """Put lines in place of that one."""
        self._in_place[number] = list(lines)

    def replaced(self, number: int) -> list[str]:
        """Return the lines that come in place of that one; none where it stays."""
        return self._in_place.get(number, [])

    def append(self, lines: Sequence[str]) -> None:
        """Put lines at the end of the file."""
        self._last.extend(lines)

    def applied(self, text: str) -> str:
        """Return the text with all of them; its line ends are kept."""
        end = "\r\n" if "\r\n" in text else "\n"
        old = text.split("\n")
        closed = old[-1] == ""  # the last line has its line end
        if closed:
            old.pop()
        new: list[str] = []
        for number, line in enumerate(old, 1):
            new += [f"{one}{end}" for one in self._before.get(number, ())]
            kept = number in self._in_place
            ending = "\n" if closed or number < len(old) else end * (number in self._after)
            new += [f"{one}{end}" for one in self._in_place[number]] if kept else [line + ending]
            new += [f"{one}{end}" for one in self._after.get(number, ())]
        if self._last and new and not new[-1].endswith("\n"):
            new.append(end)
        return "".join(new) + "".join(f"{one}{end}" for one in self._last)
