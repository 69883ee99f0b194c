"""The phones and trunks of a PBX, as pjsip.conf, its wizard, sip.conf and iax.conf name them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pbxbilling.setup.conf.reader import Conf, Line, Section, read

_CARRIERS_HAVE = ("insecure", "fromuser", "fromdomain", "remotesecret")
"""What a peer of sip.conf at a fixed address has that is no phone."""
_NO_PEERS = frozenset({"general", "authentication", "globals"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint or peer: `technology`/`name` is how its channels are called."""

    technology: str
    name: str
    context: str
    accountcode: str
    registers: bool
    """We register there, or identify ourselves to it: a carrier is like that."""
    challenges: bool
    """It must identify itself to us, as phones do."""
    section: Section
    context_line: Line | None
    """The line that sets its context, if that is not in a template."""
    context_key: str = "context"

    @property
    def channel(self) -> str:
        """How `trunks` names it."""
        return f"{self.technology}/{self.name}"


def endpoints(folder: Path) -> tuple[list[Endpoint], list[str]]:
    """Return the endpoints of a configuration folder, and what could not be read."""
    found: list[Endpoint] = []
    unread: list[str] = []
    for name, reader in _READERS.items():
        conf = read(folder, name)
        unread += conf.unread
        found += reader(conf)
    return found, unread


def _pjsip(conf: Conf) -> Iterator[Endpoint]:
    registered = {
        values.get("endpoint") or section.name
        for section in conf.categories
        if (values := conf.effective(section)).get("type") == "registration"
    }
    seen: set[str] = set()
    for section in conf.categories:
        values = conf.effective(section)
        if values.get("type") != "endpoint" or section.name in seen:
            continue
        seen.add(section.name)
        yield Endpoint(
            technology="PJSIP",
            name=section.name,
            context=values.get("context", "default"),
            accountcode=values.get("accountcode", ""),
            registers=section.name in registered or "outbound_auth" in values,
            challenges="auth" in values,
            section=section,
            context_line=conf.own(section, "context"),
        )


def _wizard(conf: Conf) -> Iterator[Endpoint]:
    for section in conf.categories:
        values = conf.effective(section)
        if values.get("type") != "wizard":
            continue
        yield Endpoint(
            technology="PJSIP",
            name=section.name,
            context=values.get("endpoint/context", "default"),
            accountcode=values.get("endpoint/accountcode", ""),
            registers=_is_yes(values.get("sends_registrations"))
            or _is_yes(values.get("sends_auth")),
            challenges=_is_yes(values.get("accepts_auth")),
            section=section,
            context_line=conf.own(section, "endpoint/context"),
            context_key="endpoint/context",
        )


def _peers(technology: str, conf: Conf) -> Iterator[Endpoint]:
    default = conf.get("general", "context") or "default"
    for section in conf.categories:
        values = conf.effective(section)
        is_peer = values.get("type") in {"friend", "peer", "user"}
        if section.name.lower() in _NO_PEERS or not is_peer:
            continue
        dynamic = values.get("host", "dynamic") == "dynamic"
        identifies = technology != "SIP" or any(values.get(name) for name in _CARRIERS_HAVE)
        yield Endpoint(
            technology=technology,
            name=section.name,
            context=values.get("context", default),
            accountcode=values.get("accountcode", ""),
            registers=not dynamic and identifies,
            challenges=dynamic,
            section=section,
            context_line=conf.own(section, "context"),
        )


def _is_yes(value: str | None) -> bool:
    return (value or "").lower() in {"yes", "true", "y", "t", "1", "on"}


_READERS: Mapping[str, Callable[[Conf], Iterator[Endpoint]]] = {
    "pjsip.conf": _pjsip,
    "pjsip_wizard.conf": _wizard,
    "sip.conf": partial(_peers, "SIP"),
    "iax.conf": partial(_peers, "IAX2"),
}
