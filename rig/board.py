"""The table of `make run`: live calls, refusals and their reasons, redrawn as calls change.

A terminal shows it in place; elsewhere it is printed once per wave.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group
from rich.live import Live

from pbxbilling.cli.printing.tables import table

Row = Mapping[str, Any]
Get = Callable[..., Any]
"""A command and its arguments → what `pbxbilling COMMAND --json` prints."""

REDRAWS_PER_SECOND = 2
_REFUSALS = 6  # the newest

_PICTURE_WIDTH = 78

_CALLS = ("at", "tenant", "from", "to", "state", "why")
_TENANTS = ("tenant", "live_calls", "max_calls", "refused (486)")


class Board:
    """Queries the daemon at every redraw; `refused` counts the refusals on record, by tenant."""

    def __init__(self, get: Get, console: Console) -> None:
        self.refused: Counter[str] = Counter()
        self._get = get
        self._console = console
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table in place on a terminal for the duration of the block."""
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
        """Show the board at the height of a wave of calls, on a terminal or not."""
        if self._live is not None:
            self._live.refresh()
        else:
            self._console.print(self.drawn())

    def save(self, picture: Path) -> None:
        """Save what is shown now as an SVG, which fetches nothing when it is opened."""
        page = Console(record=True, width=_PICTURE_WIDTH, file=StringIO(), force_terminal=True)
        page.print(self.drawn())
        form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        picture.write_text(page.export_svg(title="make run", code_format=form))

    def drawn(self) -> Group:
        """Return the calls, below them the newest refusals, and what each tenant holds."""
        calls = self._get("/calls")
        refusals = self.count_refusals()
        rows = [_live_row(call) for call in calls]
        rows += [_refused_row(row) for row in refusals[:_REFUSALS]]
        return Group(table(rows, _CALLS), "", table(self._tenants(calls), _TENANTS), "")

    def count_refusals(self) -> Sequence[Row]:
        """Return the refusals on record, newest first, having counted them."""
        refusals: Sequence[Row] = self._get("/decisions", refused=True)
        self.refused = Counter(row["tenant"] for row in refusals)
        return refusals

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
