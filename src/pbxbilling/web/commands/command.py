"""What a command is: a name's function, and where it can be served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pbxbilling.services.administer import Administration
from pbxbilling.services.daily import DailyCheck

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that commands are served with; a group that needs one more adds its field."""

    administration: Administration
    daily: DailyCheck


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `serve(desk, arguments, actor)` gives its result, not yet as JSON.

    One that `needs_daemon` is refused where none runs; one that `writes` takes the database's
    lock there.
    """

    serve: Callable[[Desk, Arguments, str], Awaitable[Any]]
    needs_daemon: bool = False
    writes: bool = False
