"""What a PBX said, judged: pure functions from `Said` to checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pbxbilling.ami.mapping import SIGNALS, VARIABLE
from pbxbilling.ami.protocol import values_of
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.manager import CONTEXT, Said, last_of

CLOCKS_APART_S = 2.0  # beyond it, seconds that were rebuilt from two clocks are off by as much

_SHIPPED = "config/asterisk/manager_pbxbilling.conf"
_RELOAD = "then `manager reload`"
_NEEDED = ("CoreShowChannels", "Status", "AbsoluteTimeout")
_NEEDED_CLASSES = ("system", "call")
_TRUE = frozenset({"yes", "true", "y", "t", "1", "on"})  # Asterisk's ast_true()
_SHOWN = 8


def judge(pbx: str, user: str, trunks: Sequence[str], said: Said) -> Iterator[Check]:
    """Everything but the journal and the hook's globals, of a PBX that answered."""
    yield ok(pbx, "login", f"Asterisk {said.version or 'of an unknown release'}, as {user}")
    yield rights(pbx, user, said)
    yield events(pbx, user, said)
    yield timestampevents(pbx, said)
    yield channelvars(pbx, said)
    yield clock(pbx, said)
    for trunk in trunks:
        yield trunk_exists(pbx, trunk, said)


def rights(pbx: str, user: str, said: Said) -> Check:
    """Whether our user may ask for what the daemon asks for."""
    mend = f"write = system,call,reporting in [{user}] of manager.conf, {_RELOAD}"
    if said.actions is None:
        return warn(pbx, "rights", "it did not tell which actions this user may use", mend)
    missing = [action for action in _NEEDED if action not in said.actions]
    if missing:
        return fail(pbx, "rights", f"this user may not use {', '.join(missing)}", mend)
    return ok(pbx, "rights", f"may use {', '.join(_NEEDED)}")


def events(pbx: str, user: str, said: Said) -> Check:
    """Whether our user is told of every event that counts: by class, and past its filters."""
    mend = f"take read and eventfilter of [{user}] from {_SHIPPED}, {_RELOAD}"
    if said.user is None or (read := last_of(said.user, "read")) is None:
        return warn(pbx, "events", "it did not tell which events this user gets to see", mend)
    classes = {name.strip() for name in read.split(",")}
    missing = [name for name in _NEEDED_CLASSES if not classes & {name, "all"}]
    if missing:
        return fail(pbx, "events", f"read = {read} is without {', '.join(missing)}", mend)
    filters = [value for key, value in said.user if key == "eventfilter"]
    if any(key.startswith("eventfilter(") for key, _ in said.user):
        return warn(pbx, "events", "an eventfilter by event name: not judged here", mend)
    try:
        lost = _lost(filters)
    except re.error as error:
        return warn(pbx, "events", f"an eventfilter that cannot be read here: {error}", mend)
    if lost:
        return fail(pbx, "events", f"its eventfilter keeps {', '.join(lost)} from us", mend)
    return ok(pbx, "events", f"read = {read}; its filters let through what counts")


def _lost(filters: Sequence[str]) -> list[str]:
    """Events that count and that these filters withhold: `!` is one that shuts out."""
    shut_out = [re.compile(each[1:].strip()) for each in filters if each.startswith("!")]
    let_in = [re.compile(each) for each in filters if not each.startswith("!")]
    lost = []
    for name in sorted(event.decode("ascii") for event in SIGNALS):
        text = f"Event: {name}\r\nPrivilege: call,all\r\n"
        admitted = not let_in or any(each.search(text) for each in let_in)
        if not admitted or any(each.search(text) for each in shut_out):
            lost.append(name)
    return lost


def timestampevents(pbx: str, said: Said) -> Check:
    """Whether events carry the moment they happened; a live event outweighs the file."""
    name = "timestampevents"
    mend = f"timestampevents = yes in [general] of manager.conf, {_RELOAD}"
    if said.stamped is not None:
        if said.stamped:
            return ok(pbx, name, "an event that went by had its Timestamp")
        return fail(pbx, name, "events come without a Timestamp", mend)
    if said.general is None:
        unknown = "no event went by, and this user may not read manager.conf"
        return warn(pbx, name, unknown, 'see `asterisk -rx "manager show settings"`; ' + mend)
    if (last_of(said.general, name) or "").lower() not in _TRUE:
        return fail(pbx, name, "manager.conf does not switch it on: seconds are late", mend)
    return ok(pbx, name, "on in manager.conf; no event went by to show it")


def channelvars(pbx: str, said: Said) -> Check:
    """Whether channels tell their owner; a live channel outweighs the file."""
    name = "channelvars"
    mend = f"channelvars = {VARIABLE} in [general] of manager.conf (all in one line), {_RELOAD}"
    if said.channels:
        bare = [row for row in said.channels if not _tells_owner(row)]
        if bare:
            return fail(pbx, name, f"{len(bare)} live channels come without {VARIABLE}", mend)
        return ok(pbx, name, f"{len(said.channels)} live channels come with {VARIABLE}")
    if said.general is None:
        unknown = "no channel lives, and this user may not read manager.conf"
        return warn(pbx, name, unknown, 'see `asterisk -rx "manager show settings"`; ' + mend)
    listed = last_of(said.general, name) or ""
    if VARIABLE not in {each.strip() for each in listed.split(",")}:
        return fail(pbx, name, f"manager.conf has {listed or 'none'}, not {VARIABLE}", mend)
    return ok(pbx, name, f"{listed} in manager.conf; no channel lives to show it")


def _tells_owner(row: str) -> bool:
    return any(value.startswith(f"{VARIABLE}=") for value in values_of(row, "ChanVariable"))


def clock(pbx: str, said: Said) -> Check:
    """How far the PBX's clock is from ours."""
    if said.ahead_s is None:
        return warn(pbx, "clock", "it did not tell its time", "see whether it answers `Ping`")
    found = f"{abs(said.ahead_s):.1f} s {'ahead of' if said.ahead_s > 0 else 'behind'} ours"
    if abs(said.ahead_s) > CLOCKS_APART_S:
        return warn(pbx, "clock", found, "set both clocks by NTP: `timedatectl set-ntp true`")
    return ok(pbx, "clock", found)


def trunk_exists(pbx: str, trunk: str, said: Said) -> Check:
    """Whether an entry of `trunks` stands for an endpoint that exists."""
    name = f"trunk {trunk}"
    technology, slash, _ = trunk.partition("/")
    if not slash and "*" not in trunk:
        mend = f'write technology and endpoint, as "PJSIP/{trunk}"'
        return fail(pbx, name, "it is no endpoint as channels are named", mend)
    if technology != "PJSIP" and not any(mark in technology for mark in "*?["):
        mend = f"place a call over it, and compare with `core show channels`: {trunk}-…"
        return warn(pbx, name, f"{technology} endpoints cannot be listed here: not known", mend)
    if said.endpoints is None:
        mend = "see `pjsip show endpoints`; this user needs write = system to list them"
        return warn(pbx, name, "it did not list its PJSIP endpoints: not known", mend)
    matching = [endpoint for endpoint in said.endpoints if fnmatchcase(endpoint, trunk)]
    if not matching:
        mend = f"name endpoints of pjsip.conf that lead outside: it has {_some(said.endpoints)}"
        return fail(pbx, name, "no such endpoint: its calls are not counted, nor billed", mend)
    if len(matching) == len(said.endpoints) > 1:
        mend = "name only endpoints that lead outside"
        return warn(pbx, name, f"it takes all {len(matching)} endpoints, phones too", mend)
    return ok(pbx, name, _some(matching))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"


def dialplan(pbx: str, port: int, said: Said, *, only: bool) -> Iterator[Check]:
    """Whether the subroutine is loaded, and whether its globals lead to this daemon.

    `port` is the hook's, `only` whether this is the only PBX.
    """
    shipped = "include extensions_pbxbilling.conf in extensions.conf, then `dialplan reload`"
    if said.subroutine is None:
        unknown = "it did not tell whether the subroutine is loaded"
        yield warn(pbx, "dialplan", unknown, f"see `dialplan show {CONTEXT}`; {shipped}")
        return
    if not said.subroutine:
        yield warn(pbx, "dialplan", f"no context {CONTEXT}: it refuses no call", shipped)
        return
    yield ok(pbx, "dialplan", f"{CONTEXT} is loaded")
    hook, name = said.globals
    yield _hook_global(pbx, port, hook)
    yield _pbx_global(pbx, name, only=only)


def _hook_global(pbx: str, port: int, hook: str | None) -> Check:
    name = "PBXBILLING_HOOK"
    mend = f"{name}=HOST:{port} in [globals] of extensions.conf, then `dialplan reload`"
    if hook is None:
        return warn(pbx, name, "it did not tell where it asks", mend)
    if not hook:
        return fail(pbx, name, "empty: calls go by PBXBILLING_FALLBACK", mend)
    if hook.rpartition(":")[2] != str(port) and not (":" not in hook and port == 4573):
        return warn(pbx, name, f"it asks at {hook}, the daemon listens on port {port}", mend)
    return ok(pbx, name, hook)


def _pbx_global(pbx: str, value: str | None, *, only: bool) -> Check:
    name = "PBXBILLING_PBX"
    mend = f"{name}={pbx} in [globals] of extensions.conf, then `dialplan reload`"
    if value is None:
        return warn(pbx, name, "it did not tell its name", mend)
    if value == pbx:
        return ok(pbx, name, value)
    if value:
        return fail(pbx, name, f"it calls itself {value}: its calls are a stranger's", mend)
    if only:
        return ok(pbx, name, "empty: the only PBX")
    return warn(pbx, name, "empty: it is known by its address, if that is its `host`", mend)
