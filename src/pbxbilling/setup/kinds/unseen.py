"""What the set-up of a dialplan written by hand does not reach, each said with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pbxbilling.setup.conf.reader import read, text_of
from pbxbilling.setup.kinds.hooks import PREFIX
from pbxbilling.setup.kinds.shipped import hook_line
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.trunks import called_anywhere, mixed_lines

_LANGUAGES = ("extensions.ael", "extensions.lua")
_FAMILIES = frozenset(
    {
        *("extensions", "extensions.conf", "pjsip.conf", "sip.conf", "iax.conf", "ps_endpoints"),
        *("sippeers", "sipusers", "iaxpeers", "iaxusers"),
    }
)
_LINES = "DAHDI/"
_SHOWN = 8


def unseen(etc: Path, found: Found) -> Iterator[str]:
    """Yield what a person must look at, one sentence each."""
    yield from _languages(etc, found)
    yield from _databases(etc)
    for context in found.dialplan.contexts.values():
        for line in context.switches:
            yield f"{line.place}: {line.name} => {line.value}: what is behind it is not read"
    if any(trunk.startswith(_LINES) for trunk in found.trunks):
        yield f"chan_dahdi.conf: calls that come in by it: {_begin_with()}"
    elif mixed_lines(found.dialplan):
        yield "DAHDI has phones and trunks: name its trunks with --trunk, or they are not billed"
    yield from _silent(found)
    guests = [one for one in found.endpoints if one.name == "anonymous"]
    for one in guests:
        if not one.context.startswith(PREFIX) and one not in found.leading_outside():
            place = f"{one.section.path}:{one.section.number}"
            yield f"{place}: callers that nobody knows go to {one.context}: {_begin_with()}"


def _silent(found: Found) -> Iterator[str]:
    """Yield the endpoints that may be trunks from which calls only come, in one sentence."""
    called = called_anywhere(found.dialplan)
    silent = [
        one
        for one in found.endpoints
        if one not in found.leading_outside() and one.channel not in called
        if not one.challenges and not one.accountcode and one.name != "anonymous"
    ]
    if silent:
        names = [f"{one.channel} ({one.section.path}:{one.section.number})" for one in silent]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        what = f"no password, and never called by name: {', '.join(names[:_SHOWN])}{more}"
        yield f"{what}: if one is a trunk, name all trunks with --trunk"


def _begin_with() -> str:
    asked = hook_line("${EXTEN}", "inbound")
    return f"if they reach numbers of a tenant, begin those with  same => n,{asked}"


def _languages(etc: Path, found: Found) -> Iterator[str]:
    """Yield the dialplans in other languages that name a trunk."""
    names = {trunk.partition("/")[2] for trunk in found.trunks}
    plan = found.dialplan
    names |= {
        f"{{{key}}}"
        for key, value in plan.globals.items()
        if any(trunk in plan.expanded(value) for trunk in found.trunks)
    }
    for file in _LANGUAGES:
        path = etc / file
        text = text_of(path) if path.is_file() else ""
        if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names if name):
            asked = hook_line("NUMBER")
            yield f"{path}: not read: put {asked} before each Dial there that leads outside"


def _databases(etc: Path) -> Iterator[str]:
    """Yield what Asterisk reads from a database in place of files."""
    for section in read(etc, "extconfig.conf").named("settings"):
        for line in section.lines:
            if line.name.lower() in _FAMILIES:
                yield f"{line.place}: {line.name} is in a database, and was not read"
    for section in read(etc, "sorcery.conf").named("res_pjsip"):
        for line in section.lines:
            if line.name.lower() == "endpoint" and line.value.startswith("realtime"):
                yield f"{line.place}: endpoints are in a database, and were not read"
