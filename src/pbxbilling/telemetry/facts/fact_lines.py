"""The sink that turns facts into log lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pbxbilling.kernel.facts import Fact, instant_of
from pbxbilling.telemetry.facts.line import DEBUG, Line, Mask
from pbxbilling.telemetry.facts.table import TABLE
from pbxbilling.telemetry.facts.text import line_as_json


class Output(Protocol):
    """Where finished lines go: `LineWriter`, or a list in a test."""

    def write(self, line: bytes) -> None:
        """Take one line, including its newline."""
        ...


def line_of(fact: Fact, mask: Mask, level: int = DEBUG) -> Line | None:
    """Return the line of a fact, with numbers through `mask`; None without one, or below `level`.

    Most lines have level debug, and those of frequent facts are not built for a higher `level`.
    """
    row = TABLE[type(fact)]
    if row.line is None:
        return None
    if level > DEBUG and row.is_detail is not None and row.is_detail(fact):
        return None
    line: Line = row.line(fact, mask)
    return line if line.level >= level else None


class FactLines:
    """Writes at most one line per fact: of `level` and above, with numbers shown through `mask`.

    JSON goes straight to the output, because structlog's processors take longer than all the
    rest; `render` writes any other form.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

    def configure(
        self, mask: Mask, level: int, render: Callable[[Line, Fact], None] | None
    ) -> None:
        """Set how facts are written, before the first one and later; no `render` is JSON."""
        self._mask = mask
        self._level = level
        self._render = render

    def sink(self, fact: Fact) -> None:
        """Write the line of one fact. Never raises, never waits."""
        line = line_of(fact, self._mask, self._level)
        if line is None:
            return
        if self._render is None:
            self._output.write(line_as_json(line, instant_of(fact)))
        else:
            self._render(line, fact)
