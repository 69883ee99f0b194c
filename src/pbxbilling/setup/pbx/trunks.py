"""Which endpoints lead outside: those dialled with a number, those that register at a carrier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pbxbilling.setup.pbx.dialplan import Dialplan
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.grammar import applications, split

TECHNOLOGIES = {
    name.lower(): name for name in ("PJSIP", "SIP", "IAX2", "DAHDI", "OOH323", "MOTIF", "Mobile")
}
_FOREIGN = frozenset({"DAHDI", "OOH323", "MOTIF", "Mobile"})
"""Kinds whose peers no file here lists."""
_LINES = "DAHDI"  # its channels are named by line or span, never by the group that is dialled


@dataclass(frozen=True, slots=True)
class Dialled:
    """One part of what a `Dial` calls."""

    technology: str
    peer: str
    number: str
    """What is dialled there; empty where a phone itself is called."""

    @property
    def channel(self) -> str:
        """How `trunks` names it."""
        return f"{self.technology}/{self.peer}"

    def leads_to(self, trunks: Iterable[str]) -> bool:
        """Return whether one of these trunks, `*` allowed, is what is called."""
        if self.technology == _LINES:
            return bool(self.number) and any(one.startswith(f"{_LINES}/") for one in trunks)
        return any(fnmatchcase(self.channel, one) for one in trunks)


def dialled(dialplan: Dialplan, arguments: str) -> Iterator[Dialled | str]:
    """Yield what a `Dial` with these arguments calls; a string where variables hide it."""
    destinations = split(arguments, ",")[0].strip()
    for part in split(dialplan.expanded(destinations), "&"):
        technology, slash, resource = part.strip().partition("/")
        if technology.lower() == "local":
            continue
        if not slash or technology.lower() not in TECHNOLOGIES:
            yield part.strip()
            continue
        yield _dialled(TECHNOLOGIES[technology.lower()], resource)


def _dialled(technology: str, resource: str) -> Dialled | str:
    reader = {"IAX2": _iax, "PJSIP": _pjsip, "SIP": _sip}.get(technology, _line)
    peer, number = reader(resource)
    if "${" in peer or not peer:
        return f"{technology}/{resource}"
    return Dialled(technology, peer, "" if number == peer else number)


def _pjsip(resource: str) -> tuple[str, str]:
    """Read `NUMBER@ENDPOINT`, `ENDPOINT` or `ENDPOINT/sip:NUMBER@HOST`."""
    first, *rest = split(resource, "/")
    if rest:
        return first, _user("/".join(rest))
    number, _, peer = _rpartition(first, "@")
    return (peer, number) if peer else (first, "")


def _sip(resource: str) -> tuple[str, str]:
    """Read `NUMBER@PEER`, `PEER/NUMBER` or `PEER/NUMBER@HOST`."""
    first, *rest = split(resource, "/")
    if rest and "@" not in first:
        return first, _user("/".join(rest))
    number, _, peer = _rpartition(first, "@")
    return (split(peer, ":")[0], number) if peer else (first, "")


def _iax(resource: str) -> tuple[str, str]:
    """Read `[USER[:SECRET]@]PEER[:PORT][/NUMBER[@CONTEXT]]`."""
    place, *rest = split(resource, "/")
    peer = split(split(place, "@")[-1], ":")[0]
    return peer, split(rest[0], "@")[0] if rest else ""


def _line(resource: str) -> tuple[str, str]:
    """Read `LINE/NUMBER`; a line alone is a phone."""
    first, *rest = split(resource, "/")
    return first, "/".join(rest)


def _user(uri: str) -> str:
    """Return the number of a SIP URI, or of what stands in its place."""
    return split(uri.removeprefix("sips:").removeprefix("sip:"), "@")[0]


def _rpartition(text: str, separator: str) -> tuple[str, str, str]:
    """Split at the last separator outside of brackets."""
    parts = split(text, separator)
    if len(parts) < 2:
        return text, "", ""
    return separator.join(parts[:-1]), separator, parts[-1]


def trunks(dialplan: Dialplan, endpoints: Sequence[Endpoint]) -> list[str]:
    """Return the trunks as `trunks` names them, in a stable order, each once.

    An endpoint is one if a `Dial` calls a number there. One that no `Dial` names at all is one if
    the PBX identifies itself to it. The lines of DAHDI are one where none of them is a phone.
    """
    called: dict[str, bool] = {}
    for one in _dialled_anywhere(dialplan):
        called[one.channel] = called.get(one.channel, False) or bool(one.number)
    found = {channel for channel, with_number in called.items() if with_number}
    found |= {
        one.channel
        for one in endpoints
        if one.channel not in called and one.registers and not one.accountcode
    }
    known = {one.channel for one in endpoints}
    lines = {channel for channel in called if channel.startswith(f"{_LINES}/")}
    found = {one for one in found - lines if one in known or one.partition("/")[0] in _FOREIGN}
    if lines and all(called[one] for one in lines):
        found.add(f"{_LINES}/*")
    return sorted(found)


def called_anywhere(dialplan: Dialplan) -> set[str]:
    """Return what any `Dial` calls by its name, with a number or without."""
    return {one.channel for one in _dialled_anywhere(dialplan)}


def mixed_lines(dialplan: Dialplan) -> bool:
    """Return whether a `Dial` calls DAHDI with a number and another one without: a phone."""
    called = [one for one in _dialled_anywhere(dialplan) if one.technology == _LINES]
    return len({bool(one.number) for one in called}) > 1


def _dialled_anywhere(dialplan: Dialplan) -> Iterator[Dialled]:
    """Yield what is called by a `Dial`, within `ExecIf` and its like too."""
    for context in dialplan.contexts.values():
        for step in context.steps:
            for name, arguments in applications(step.application, step.arguments):
                if name.lower() == "dial":
                    for one in dialled(dialplan, arguments):
                        if isinstance(one, Dialled):
                            yield one
