"""The files for Asterisk that come with this program: its subroutine, manager user and journal."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "asterisk"
_SOURCES = Path(__file__).parents[4] / "config" / "asterisk"

SUBROUTINE = "extensions_pbxbilling.conf"
MANAGER = "manager_pbxbilling.conf"
CEL = "cel_pbxbilling.conf"
CEL_CUSTOM = "cel_custom_pbxbilling.conf"

CONTEXT = "pbxbilling-admit"

_NEEDS = re.compile(r"(?m)^; Needs: ((?:.*\n(?:; )?)*?.*)\.\s*$")


def text(name: str) -> str:
    """Return the text of a shipped file; from the sources where it is not installed."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _SOURCES
    return (folder / name).read_text()


def hook_line(number: str, direction: str = "outbound") -> str:
    """Return the step that asks about a call to that number; the daemon finds the tenant."""
    return f"Gosub({CONTEXT},s,1({direction},,{number}))"


def modules() -> list[str]:
    """Return the modules that the subroutine says it needs."""
    found = _NEEDS.search(text(SUBROUTINE))
    return re.findall(r"\w+", found[1]) if found else []
