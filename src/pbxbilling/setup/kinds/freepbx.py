"""FreePBX: only its *_custom.conf files are edited, and new files of ours put beside them.

"Apply Config" writes all others anew. What lives in FreePBX' database must be clicked; it is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pbxbilling.setup.conf.reader import Conf, Line, Section
from pbxbilling.setup.kinds import modules, parts
from pbxbilling.setup.kinds.shipped import CONTEXT
from pbxbilling.setup.kinds.work import MARK, Work
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.dialplan import Step, dialplan_of
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.freepbx_trunks import unnamed_trunks
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Site
from pbxbilling.setup.recipes import recipe

MANAGER = "manager_custom.conf"
INCOMING = "from-pstn-pbxbilling"
_INSIDE, _OUTSIDE = "from-internal", "from-pstn"

_CUSTOM = "_custom.conf"
_DIALPLAN = "extensions_custom.conf"
_GENERATED = frozenset({"extensions.conf", "extensions_additional.conf"})
_HOOK = "macro-dialout-trunk-predial-hook"
_CALL = "Gosub(pbxbilling-out,s,1)"
_PAGE = "docs/guides/dialplans.md#freepbx"
_MODULES = "Admin, Asterisk Modules"

EMERGENCY = "Outbound Routes: tick Emergency on the routes of emergency numbers"
APPLY = "Apply Config (or `fwconsole reload`)"
CODES = (
    "give each extension an Account Code (the bulk handler can), or set `tenant` under this"
    " [[pbx]] if the PBX is one tenant's: calls of an extension without one are nobody's"
)


def write(
    work: Work, site: Site, found: Found, values: Mapping[str, str], console: Console
) -> None:
    """Add to `work` what such a site needs."""
    conf = work.conf("extensions.conf")
    _globals(work, conf, values)
    _journal(work, site)
    _modules(work, site, console)
    parts.subroutine(work, _DIALPLAN)
    _recipe(work, conf, "freepbx16" if site.has_macro else "freepbx17", has_macro=site.has_macro)
    work.by_hand += _clicks(site, found, conf)


def _globals(work: Work, conf: Conf, values: Mapping[str, str]) -> None:
    there = parts.theirs(conf)
    custom = work.conf("globals_custom.conf")
    lines = [f"{key}={value}" for key, value in values.items() if key not in there]
    _add(work, custom, lines)
    for key, value in values.items():
        if key in there and key != "PBXBILLING_EMERGENCY" and there[key].value != value:
            said = f"{key} is {there[key].value} and stays, but this daemon needs {value}"
            work.by_hand.append(f"{there[key].place}: {said}")


def _add(work: Work, custom: Conf, lines: Sequence[str]) -> None:
    """Put lines into a custom file that FreePBX reads within a section: before its own sections."""
    if not lines:
        return
    headers = [one.number for one in custom.sections if one.path == custom.path]
    if headers:
        work.edits[custom.path].insert_before(min(headers), [MARK, *lines, ""])
    else:
        work.edits[custom.path].append([MARK, *lines])


def _journal(work: Work, site: Site) -> None:
    """Turn the journal on; a date format and an `enable` of the site's own stay."""
    cel = work.conf("cel.conf")
    lines = []
    enabled, dates = cel.line("general", "enable"), cel.line("general", "dateformat")
    is_on = enabled is not None and parts.is_yes(enabled.value)
    if not is_on and (enabled is None or not _is_custom(enabled)):
        lines.append("enable = yes")
    elif enabled is not None and not is_on:
        work.by_hand.append(f"{enabled.place}: the journal is off: enable = yes")
    if dates is None or not _is_custom(dates):
        lines.append("dateformat = %s.%6q")
    if events := parts.missing_events(cel):
        lines.append(f"events = {','.join(events)}")
    _add(work, work.conf("cel_general_custom.conf"), lines)
    parts.mapping(work, "cel_custom.conf")
    parts.journal_folder(work, site.log)


def _is_custom(line: Line) -> bool:
    return line.path.name.endswith(_CUSTOM)


def _modules(work: Work, site: Site, console: Console) -> None:
    """Load what is needed now; FreePBX itself decides what is loaded at a start."""
    wanted = modules.wanted_modules(site.release)
    excluded, missing = modules.unloaded(work.conf("modules.conf"), wanted)
    for name, line in excluded.items():
        work.by_hand.append(
            f"{_MODULES}: take {name}.so out of Excluded Modules ({line.place}); it is loaded now,"
            " but would not be after the next start of Asterisk"
        )
    if missing:
        names = ", ".join(f"{name}.so" for name in missing)
        work.by_hand.append(f"{_MODULES}: add to Manually Loaded Modules: {names}")
    modules.load_now(work, console, wanted)


def _recipe(work: Work, conf: Conf, name: str, *, has_macro: bool) -> None:
    """Put the recipe's contexts behind what the site has; its own hook gets one line more."""
    wanted = re.split(r"^(?=\[)", recipe(name), flags=re.MULTILINE)[1:]
    lines: list[str] = []
    for text in wanted:
        title = text.partition("]")[0].removeprefix("[")
        theirs = [one for one in conf.named(title) if one.path.name not in _GENERATED]
        if not theirs:
            lines += ["", *text.rstrip("\n").split("\n")]
        elif title == _HOOK:
            _join_hook(work, conf, theirs, has_macro=has_macro)
        elif not _asks(theirs):
            place = f"{theirs[0].path}:{theirs[0].number}"
            work.by_hand.append(f"{place}: [{title}] is there already: add the lines of {_PAGE}")
    if lines:
        work.edits[work.etc / _DIALPLAN].append(lines)


def _asks(sections: Sequence[Section]) -> bool:
    return any(CONTEXT in line.value for one in sections for line in one.lines)


def _join_hook(work: Work, conf: Conf, theirs: Sequence[Section], *, has_macro: bool) -> None:
    """Put our call first in the site's own hook, and end it as this FreePBX calls it."""
    lines = [line for one in theirs for line in one.lines]
    steps = [step for step in dialplan_of(conf).contexts[_HOOK].steps if step.line in lines]
    new = {step: [end] for step in steps if (end := _corrected(step, has_macro=has_macro))}
    place = f"{theirs[0].path}:{theirs[0].number}"
    if any(CONTEXT in line.value and "${OUTNUM}" in line.value for line in lines):
        work.by_hand.append(f"{place}: [{_HOOK}] is that of 0.1: delete it, then run this again")
    elif not any(_CALL in line.value or CONTEXT in line.value for line in lines):
        first = next((step for step in steps if (step.exten, step.priority) == ("s", "1")), None)
        is_simple = all(step.priority in {"1", "n"} for step in steps)
        if first is not None and is_simple and not first.is_same:
            label = f"({first.label})" if first.label else ""
            called = _application(new.get(first, [first.line.raw])[0], first)
            new[first] = [f"exten => s,1,{_CALL}", f"exten => s,n{label},{called}"]
        else:
            said = f"the site's own [{_HOOK}]: make  exten => s,1,{_CALL}  its first line"
            work.by_hand.append(f"{place}: {said}")
    for step, text in new.items():
        if step.line.path.name.endswith(_CUSTOM):
            work.edits[step.line.path].replace(step.line.number, text)
        else:
            work.by_hand.append(f"{step.line.place}: write in its place: {'  and  '.join(text)}")


def _corrected(step: Step, *, has_macro: bool) -> str:
    """Return the line of a step that would end every call: a hook that outlived an upgrade."""
    wrong, right = ("return", "MacroExit()") if has_macro else ("macroexit", "Return()")
    if step.application.lower() != wrong:
        return ""
    return step.line.raw.removesuffix(_application(step.line.raw, step)) + right


def _application(raw: str, step: Step) -> str:
    """Return a line from the name of its application on, with the comment behind it."""
    found = re.search(r",\s*(\w+\s*(?:\(.*|;.*)?)$", raw.split(step.priority, 1)[1])
    return found[1] if found else step.application


def _clicks(site: Site, found: Found, conf: Conf) -> list[str]:
    """Return what must be clicked, as far as the files tell that it is not done."""
    clicks = list(_undone(site, found, conf))
    return [*clicks, APPLY] if clicks else []


def _undone(site: Site, found: Found, conf: Conf) -> Iterator[str]:
    trunks = found.leading_outside()
    names = {one.channel for one in trunks}
    phones = [e for e in found.endpoints if e.channel not in names and _is_phone(e)]
    without = [phone for phone in phones if not phone.accountcode]
    if without:
        yield f"Extensions: {len(without)} without an Account Code: {CODES}"
    for trunk in trunks:
        if trunk.context != INCOMING:
            yield _context(trunk)
    for said in unnamed_trunks(site.etc):
        yield f"{said}: name its channels, such as DAHDI/i1*, under `trunks` of this [[pbx]]"
    lines = (line for one in conf.sections for line in one.lines)
    if not any("EMERGENCYROUTE=YES" in line.value.replace(" ", "") for line in lines):
        yield EMERGENCY


def _is_phone(endpoint: Endpoint) -> bool:
    return endpoint.challenges or endpoint.context == _INSIDE


def _context(trunk: Endpoint) -> str:
    """Say how the calls of a trunk come to our context, and that they go on where they went."""
    page = "pjsip Settings, Advanced: Context" if trunk.technology == "PJSIP" else "PEER: context"
    said = f"Trunks, {trunk.name}, {page} {INCOMING} in place of {trunk.context}"
    if trunk.context == _OUTSIDE:
        return said
    return f"{said}; and {trunk.context} for {_OUTSIDE} in [{INCOMING}] of {_DIALPLAN}"
