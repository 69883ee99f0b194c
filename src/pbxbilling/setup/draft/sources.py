"""Gathers what tells of tenants beside endpoints and dialplan: variables, queues, the console."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.kernel.text import decode, printable
from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.draft.shown import shown_dialplan
from pbxbilling.setup.pbx.console import Console, ConsoleError
from pbxbilling.setup.pbx.dialplan import Dialplan
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Kind

TENANT_VARIABLE = re.compile(r"_{0,2}(?:WAZO_)?TENANT(?:_?(?:UUID|ID|NAME|SLUG))?", re.IGNORECASE)
_FILES = {
    "pjsip.conf": "PJSIP",
    "pjsip_wizard.conf": "PJSIP",
    "sip.conf": "SIP",
    "iax.conf": "IAX2",
}
_SETS = frozenset({"set_var", "setvar", "endpoint/set_var"})
_USER = re.compile(r"^/AMPUSER/([^/\s]+)/accountcode\s*:\s*(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sources:
    """All that a draft is made of; `trunks` as `[[pbx]] trunks` names them."""

    kind: Kind
    dialplan: Dialplan
    trunks: Sequence[str] = ()
    endpoints: Sequence[Endpoint] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """By channel: the tenant that its endpoint sets, as `set_var = TENANT=acme`."""
    users: Mapping[str, str] = field(default_factory=dict)
    """FreePBX: account codes by extension, from Asterisk's own database."""
    queues: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Members of each queue, as queues.conf writes them."""
    unread: Sequence[str] = ()
    """What could not be asked or read, as sentences."""


def gather(kind: Kind, etc: Path, found: Found, console: Console) -> Sources:
    """Return the sources of a site. What the console does not answer is named in `unread`."""
    unread: list[str] = []
    executed = any("#exec" in place for place in found.unread)
    dialplan = found.dialplan
    if kind is Kind.WAZO or executed:
        shown = shown_dialplan(_answer(console, "dialplan show", unread))
        if shown.contexts:
            dialplan = Dialplan(shown.contexts, found.dialplan.globals)
    users = ""
    if kind is Kind.FREEPBX:
        users = _answer(console, "database show AMPUSER", unread)
    return Sources(
        kind=kind,
        dialplan=dialplan,
        trunks=found.trunks,
        endpoints=found.endpoints,
        variables=dict(_variables(etc)),
        users=users_in(users),
        queues=_queues(etc),
        unread=unread,
    )


def users_in(shown: str) -> dict[str, str]:
    """Return FreePBX's account codes by extension, from what `database show AMPUSER` prints."""
    return dict(_USER.findall(shown))


def clean(text: str) -> str:
    """Return a text of a file as the daemon reads the same text from Asterisk."""
    return printable(decode(text.encode("utf-8", "surrogateescape"))).strip()


def _answer(console: Console, line: str, unread: list[str]) -> str:
    try:
        return console.run(line)
    except ConsoleError as fault:
        unread.append(f"{line}: {fault}")
        return ""


def _variables(etc: Path) -> Iterator[tuple[str, str]]:
    for name, technology in _FILES.items():
        conf = read(etc, name)
        for section in conf.sections:
            for line in section.values:
                variable, _, value = line.value.partition("=")
                if line.name.lower() in _SETS and TENANT_VARIABLE.fullmatch(variable.strip()):
                    yield f"{technology}/{section.name}", value.strip()


def _queues(etc: Path) -> dict[str, list[str]]:
    conf = read(etc, "queues.conf")
    return {
        section.name: [
            line.value.split(",")[0].strip()
            for line in section.values
            if line.name.lower() == "member"
        ]
        for section in conf.sections
    }
