"""Which endpoints lead outside: those dialled with a number, those that register at a carrier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pbxbilling.setup.pbx.dialplan import Dialplan, Step, split
from pbxbilling.setup.pbx.endpoints import Endpoint

TECHNOLOGIES = {name.lower(): name for name in ("PJSIP", "SIP", "IAX2", "DAHDI", "OOH323", "MOTIF")}
_GROUPS = "gGrR"  # DAHDI/g1: the first free channel of group 1


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


def dialled(dialplan: Dialplan, step: Step) -> Iterator[Dialled | str]:
    """Yield what a `Dial` calls; a string where variables hide it."""
    destinations = split(step.arguments, ",")[0].strip()
    for part in split(dialplan.expanded(destinations), "&"):
        technology, slash, resource = part.strip().partition("/")
        if technology.lower() == "local":
            continue
        if not slash or technology.lower() not in TECHNOLOGIES:
            yield part.strip()
            continue
        yield _dialled(TECHNOLOGIES[technology.lower()], resource)


def _dialled(technology: str, resource: str) -> Dialled | str:
    if technology == "DAHDI":
        group, _, number = resource.partition("/")
        number_free = group[:1] in _GROUPS or bool(number)
        return Dialled(technology, group, number) if number_free else Dialled(technology, group, "")
    number, at, peer = _rpartition(resource, "@")
    if not at:
        peer, _, number = resource.partition("/")
        number = number.removeprefix("sip:").partition("@")[0]
    peer = peer.partition("/")[0]
    if "${" in peer:
        return f"{technology}/{resource}"
    return Dialled(technology, peer, number)


def _rpartition(text: str, separator: str) -> tuple[str, str, str]:
    """Split at the last separator outside of brackets."""
    parts = split(text, separator)
    if len(parts) < 2:
        return text, "", ""
    return separator.join(parts[:-1]), separator, parts[-1]


def trunks(dialplan: Dialplan, endpoints: Sequence[Endpoint]) -> list[str]:
    """Return the trunks as `trunks` names them, in a stable order, each once.

    An endpoint is one if a `Dial` calls a number there. One that no `Dial` names at all is one if
    the PBX identifies itself to it.
    """
    called: dict[str, bool] = {}
    for step in _dials(dialplan):
        for one in dialled(dialplan, step):
            if isinstance(one, Dialled):
                called[one.channel] = called.get(one.channel, False) or bool(one.number)
    found = {channel for channel, with_number in called.items() if with_number}
    found |= {
        one.channel
        for one in endpoints
        if one.channel not in called and one.registers and not one.accountcode
    }
    known = {one.channel for one in endpoints}
    return sorted(channel for channel in found if channel in known or _is_foreign(channel))


def _is_foreign(channel: str) -> bool:
    """Return whether it is of a kind whose peers no file here lists."""
    return channel.partition("/")[0] in {"DAHDI", "OOH323", "MOTIF"}


def _dials(dialplan: Dialplan) -> Iterable[Step]:
    for context in dialplan.contexts.values():
        for step in context.steps:
            if step.application.lower() == "dial":
                yield step
