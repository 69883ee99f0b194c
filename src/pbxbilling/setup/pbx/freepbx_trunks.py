"""What FreePBX tells of itself in the files that it writes: its trunks, and how it names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pbxbilling.setup.conf.reader import read

_TRUNK = re.compile(r"OUT_\d+")
_CUSTOM = "AMP:"
_PLACE = "$OUTNUM$"
_BY_CHANNEL = frozenset({"DAHDI", "ZAP", "DGROUP", "MISDN"})
"""Technologies whose channels do not bear the name that is dialled, such as DAHDI/g0."""


def trunks_of(etc: Path) -> list[str]:
    """Return FreePBX' trunks as `[[pbx]] trunks` names them, disabled ones too, each once."""
    found = (_split(value, suffix) for _, value, suffix in _trunks(etc))
    return sorted({f"{one}/{peer}" for one, peer in found if peer and one not in _BY_CHANNEL})


def unnamed_trunks(etc: Path) -> list[str]:
    """Return the trunks whose channels cannot be told from their name, as `OUT_1 = DAHDI/g0`."""
    found = ((name, value, _split(value, suffix)[0]) for name, value, suffix in _trunks(etc))
    return [f"{name} = {value}" for name, value, technology in found if technology in _BY_CHANNEL]


def globals_of(etc: Path) -> dict[str, str]:
    """Return the dialplan's globals, those of the custom files too."""
    sections = read(etc, "extensions.conf").named("globals")
    return {line.name: line.value for section in sections for line in section.lines}


def _trunks(etc: Path) -> Iterator[tuple[str, str, str]]:
    values: Mapping[str, str] = globals_of(etc)
    for name, value in values.items():
        if _TRUNK.fullmatch(name):
            yield name, value, values.get(f"{name}_SUFFIX", "")


def _split(value: str, suffix: str) -> tuple[str, str]:
    """Return technology and peer of `PJSIP` with `@x`, of `SIP/x`, or of `AMP:SIP/$OUTNUM$@x`."""
    technology, _, peer = value.removeprefix(_CUSTOM).partition("/")
    if _PLACE in peer:
        peer = peer.partition("@")[2] or peer.partition("/")[0]
    peer = (suffix.removeprefix("@") or peer).partition("/")[0]
    technology = technology.upper()
    return technology, "" if technology == "LOCAL" or "$" in peer else peer
