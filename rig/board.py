"""The table of `make run`: who talks, who was refused and why; it redraws while calls come and go.

On a terminal it stays in its place; anywhere else it is printed once a wave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live

from pbxbilling.cli.printing.tables import table

Row = Mapping[str, Any]
Get = Callable[..., Any]
"""A command and its arguments → what `pbxbilling COMMAND --json` prints."""

REDRAWS_PER_SECOND = 2
_REFUSALS = 6  # the newest

_CALLS = ("at", "tenant", "from", "to", "state", "why")
_TENANTS = ("tenant", "live_calls", "max_calls", "refused (486)")


class Board:
    """Asks the daemon at every look; `refused` has the refusals so far, by tenant."""

    def __init__(self, get: Get, console: Console) -> None:
        self.refused: Counter[str] = Counter()
        self._get = get
        self._console = console
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this is open, a terminal has the table in its place."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            yield
            return
        self._live = Live(
            get_renderable=self.drawn,
            console=self._console,
            refresh_per_second=REDRAWS_PER_SECOND,
        )
        with self._live:
            yield

    def wave(self) -> None:
        """A wave of calls is at its height: it is shown in any case."""
        if self._live is not None:
            self._live.refresh()
        else:
            self._console.print(self.drawn())

    def drawn(self) -> Group:
        """The calls, the newest refusals below them, and what each tenant holds."""
        calls = self._get("/calls")
        refusals = self._get("/decisions", refused=True)
        self.refused = Counter(row["tenant"] for row in refusals)
        rows = [_live_row(call) for call in calls]
        rows += [_refused_row(row) for row in refusals[:_REFUSALS]]
        return Group(table(rows, _CALLS), "", table(self._tenants(calls), _TENANTS), "")

    def _tenants(self, calls: Sequence[Row]) -> list[Row]:
        live = Counter(call["tenant"] for call in calls)
        return [
            {
                "tenant": row["tenant"],
                "live_calls": live[row["tenant"]],
                "max_calls": row["max_calls"],
                "refused (486)": self.refused[row["tenant"]],
            }
            for row in self._get("/tenants")
        ]


def _live_row(call: Row) -> Row:
    return {**call, "at": call["started_at"], "why": None}


def _refused_row(decision: Row) -> Row:
    return {
        "at": decision["at"],
        "tenant": decision["tenant"],
        "from": decision["caller"],
        "to": decision["number"],
        "state": "refused",
        "why": f"{decision['reason']}: {decision['used']} of {decision['limit']}",
    }
