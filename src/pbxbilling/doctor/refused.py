"""Checks the places that refused calls go to, the globals PBXBILLING_REFUSED…: pure functions.

The subroutine hangs a refused call up where it cannot lead it to its place, so that a mistake is
heard by callers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pbxbilling.ami.messages.protocol import fields_of
from pbxbilling.config.sections import RefusalSettings
from pbxbilling.doctor.check import Check, ok, warn
from pbxbilling.kernel.codes import Reason

REFUSED = "PBXBILLING_REFUSED"
REASONS = (*(key for key in RefusalSettings.model_fields if key != "cause"), str(Reason.FALLBACK))
"""What a call can be refused for: by the daemon, or by the dialplan's own fallback."""

GLOBALS = (REFUSED, *(f"{REFUSED}_{reason}" for reason in REASONS))
_INSTEAD = "refused calls are hung up instead"
_RELOAD = "then `dialplan reload`"


class Place(NamedTuple):
    """A step of the dialplan; `priority` is a number or a label."""

    context: str
    exten: str
    priority: str

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Parse "context,exten,priority", whose priority may have arguments; None: it is none."""
        parts = text.partition("(")[0].split(",")
        return cls(*parts) if len(parts) == 3 and all(parts) else None

    def among(self, rows: Iterable[str]) -> bool | None:
        """Return whether a list of the extension's steps has this one; None: a switch may have."""
        steps = [fields_of(row) for row in rows]
        if any(self.priority in (s.get("Priority"), s.get("ExtensionLabel")) for s in steps):
            return True
        return None if any("Switch" in step for step in steps) else False


def refused_places(
    pbx: str, named: Mapping[str, str], exist: Mapping[str, bool | None], *, known: bool
) -> Iterator[Check]:
    """Check each place that is named, by its global.

    `exist`: by value, whether the dialplan has it; `known`: the subroutine reads these globals.
    """
    for name, value in named.items():
        yield _place(pbx, name, value, exists=exist.get(value), known=known)


def _place(pbx: str, name: str, value: str, *, exists: bool | None, known: bool) -> Check:
    if not known:
        fix = f"install the new extensions_pbxbilling.conf, {_RELOAD}"
        return warn(pbx, name, f"the subroutine is too old for it: {_INSTEAD}", fix)
    if Place.parse(value) is None:
        fix = f"write {name}=context,exten,priority, {_RELOAD}"
        return warn(pbx, name, f'"{value}" is no place: {_INSTEAD}', fix)
    if exists is None:
        fix = f"see `dialplan show {value.partition(',')[0]}`"
        return warn(pbx, name, f"no answer whether the dialplan has {value}", fix)
    if not exists:
        fix = f"add it to the dialplan, or correct {name}, {_RELOAD}"
        return warn(pbx, name, f"the dialplan has no {value}: {_INSTEAD}", fix)
    return ok(pbx, name, value)
