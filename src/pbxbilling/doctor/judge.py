"""Evaluates a PBX's answers: pure functions from `Said` to checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pbxbilling.ami.messages.mapping import VARIABLE
from pbxbilling.ami.messages.protocol import values_of
from pbxbilling.ami.rights import beyond_need
from pbxbilling.ami.rights import mend as mend_rights
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.manager import LISTEN_S, Said, is_pattern

CLOCKS_APART_S = 2.0  # beyond it, usage reconstructed from both clocks is wrong by as much

_SHIPPED = "config/asterisk/manager_pbxbilling.conf"
_RELOAD = "then `manager reload`"
_NEEDED = ("CoreShowChannels", "Status", "AbsoluteTimeout")
_CALL = "place a call while the doctor looks; or see to it yourself: "
_SHOWN = 8


def judge(pbx: str, user: str, trunks: Sequence[str], said: Said) -> Iterator[Check]:
    """Yield every check of a PBX that answered, except those of journal and dialplan."""
    yield ok(pbx, "login", f"Asterisk {said.version or 'of an unknown release'}, as {user}")
    yield rights(pbx, user, said)
    yield events(pbx, user, said)
    yield timestampevents(pbx, said)
    yield channelvars(pbx, said)
    yield clock(pbx, said)
    for trunk in trunks:
        yield trunk_exists(pbx, trunk, said)


def rights(pbx: str, user: str, said: Said) -> Check:
    """Check that our user may use the actions that the daemon needs, and no harmful ones."""
    if said.actions is None:
        unknown = "it did not tell which actions this user may use"
        return warn(pbx, "rights", unknown, mend_rights(user))
    missing = [action for action in _NEEDED if action not in said.actions]
    if missing:
        found = f"this user may not use {', '.join(missing)}"
        return fail(pbx, "rights", found, mend_rights(user))
    beyond = beyond_need(said.actions)
    if beyond:
        found = f"it has rights that nothing here needs: {', '.join(beyond)}"
        return warn(pbx, "rights", found, mend_rights(user))
    return ok(pbx, "rights", f"may use {', '.join(_NEEDED)}, and may not do what harms")


def events(pbx: str, user: str, said: Said) -> Check:
    """Check that our user receives the events of calls, by those that arrived."""
    mend = f"take read and eventfilter of [{user}] from {_SHIPPED}, {_RELOAD}"
    if said.stamped is not None:
        return ok(pbx, "events", "the event of a call went by")
    if said.changed:
        return fail(pbx, "events", "calls came or went, and no event told of it", mend)
    return warn(pbx, "events", f"no call came or went in {LISTEN_S:g} s", _CALL + mend)


def timestampevents(pbx: str, said: Said) -> Check:
    """Check that events carry the time they happened, by those that arrived."""
    name = "timestampevents"
    mend = f"timestampevents = yes in [general] of manager.conf, {_RELOAD}"
    if said.stamped is None:
        return warn(pbx, name, "no event went by to show it", _CALL + mend)
    if not said.stamped:
        return fail(pbx, name, "events come without a Timestamp: seconds are late", mend)
    return ok(pbx, name, "an event that went by had its Timestamp")


def channelvars(pbx: str, said: Said) -> Check:
    """Check that channels carry their owner, by the live ones."""
    name = "channelvars"
    mend = f"channelvars = {VARIABLE} in [general] of manager.conf (all in one line), {_RELOAD}"
    if not said.channels:
        return warn(pbx, name, "no channel lives to show it", _CALL + mend)
    bare = [row for row in said.channels if not _names_owner(row)]
    if bare:
        return fail(pbx, name, f"{len(bare)} live channels come without {VARIABLE}", mend)
    return ok(pbx, name, f"{len(said.channels)} live channels come with {VARIABLE}")


def _names_owner(row: str) -> bool:
    return any(value.startswith(f"{VARIABLE}=") for value in values_of(row, "ChanVariable"))


def clock(pbx: str, said: Said) -> Check:
    """Check how far the PBX's clock is from ours."""
    if said.ahead_s is None:
        return warn(pbx, "clock", "it did not tell its time", "see whether it answers `Ping`")
    found = f"{abs(said.ahead_s):.1f} s {'ahead of' if said.ahead_s > 0 else 'behind'} ours"
    if abs(said.ahead_s) > CLOCKS_APART_S:
        return warn(pbx, "clock", found, "set both clocks by NTP: `timedatectl set-ntp true`")
    return ok(pbx, "clock", found)


def trunk_exists(pbx: str, trunk: str, said: Said) -> Check:
    """Check that an entry of `trunks` matches an existing endpoint."""
    name = f"trunk {trunk}"
    technology, slash, _ = trunk.partition("/")
    if not slash and "*" not in trunk:
        mend = f'write technology and endpoint, as "PJSIP/{trunk}"'
        return fail(pbx, name, "it is no endpoint as channels are named", mend)
    if technology != "PJSIP" and not any(mark in technology for mark in "*?["):
        mend = f"place a call over it, and compare with `core show channels`: {trunk}-…"
        return warn(pbx, name, f"{technology} endpoints cannot be listed here: not known", mend)
    if is_pattern(trunk):
        return _endpoints_match(pbx, trunk, said.endpoints)
    exists = said.trunks.get(trunk)
    if exists is None:
        mend = "see `pjsip show endpoints`; func_devstate would tell us, if it were loaded"
        return warn(pbx, name, "it did not tell whether there is such an endpoint", mend)
    if not exists:
        has = f": it has {_some(said.endpoints)}" if said.endpoints else ""
        mend = f"name endpoints of pjsip.conf that lead outside{has}"
        return fail(pbx, name, "no such endpoint: its calls are not counted, nor billed", mend)
    return ok(pbx, name, "it is an endpoint")


def _endpoints_match(pbx: str, trunk: str, endpoints: Sequence[str] | None) -> Check:
    name = f"trunk {trunk}"
    if endpoints is None:
        mend = "see `pjsip show endpoints`; res_manager_devicestate would list them to us"
        return warn(pbx, name, "it did not list its PJSIP endpoints: not known", mend)
    matching = [endpoint for endpoint in endpoints if fnmatchcase(endpoint, trunk)]
    if not matching:
        mend = (
            f"name endpoints of pjsip.conf that lead outside: it has {_some(endpoints)};"
            " those of a realtime database are not listed: name each of them in full"
        )
        return warn(pbx, name, "no endpoint that it lists has such a name", mend)
    if len(matching) == len(endpoints) > 1:
        mend = "name only endpoints that lead outside"
        return warn(pbx, name, f"it takes all {len(matching)} endpoints, phones too", mend)
    return ok(pbx, name, _some(matching))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"
