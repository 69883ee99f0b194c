"""Evaluates a PBX's answers: pure functions from `PbxReport` to checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pbxbilling.ami.messages.mapping import VARIABLE
from pbxbilling.ami.messages.protocol import values_of
from pbxbilling.ami.rights import beyond_need
from pbxbilling.ami.rights import how_to_fix as how_to_fix_rights
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.manager import LISTEN_S, PbxReport, is_pattern

CLOCKS_APART_S = 2.0  # beyond it, usage reconstructed from both clocks is wrong by as much

_SHIPPED = "config/asterisk/manager_pbxbilling.conf"
_RELOAD = "then `manager reload`"
_NEEDED = ("CoreShowChannels", "Status", "AbsoluteTimeout")
_CALL = "place a call during this check; or check it yourself: "
_SHOWN = 8


def judge(pbx: str, user: str, trunks: Sequence[str], report: PbxReport) -> Iterator[Check]:
    """Yield every check of a PBX that answered, except those of journal and dialplan."""
    yield ok(pbx, "login", f"Asterisk {report.version or 'of an unknown release'}, as {user}")
    yield rights(pbx, user, report)
    yield events(pbx, user, report)
    yield timestampevents(pbx, report)
    yield channelvars(pbx, report)
    yield clock(pbx, report)
    for trunk in trunks:
        yield trunk_exists(pbx, trunk, report)


def rights(pbx: str, user: str, report: PbxReport) -> Check:
    """Check that our user may use the actions that the daemon needs, and no harmful ones."""
    if report.actions is None:
        unknown = "no answer about the actions that this user may use"
        return warn(pbx, "rights", unknown, how_to_fix_rights(user))
    missing = [action for action in _NEEDED if action not in report.actions]
    if missing:
        found = f"this user may not use {', '.join(missing)}"
        return fail(pbx, "rights", found, how_to_fix_rights(user))
    beyond = beyond_need(report.actions)
    if beyond:
        found = f"this user has rights that the daemon does not need: {', '.join(beyond)}"
        return warn(pbx, "rights", found, how_to_fix_rights(user))
    return ok(pbx, "rights", f"may use {', '.join(_NEEDED)}, and nothing dangerous")


def events(pbx: str, user: str, report: PbxReport) -> Check:
    """Check that our user receives the events of calls, by those that arrived."""
    fix = f"copy read and eventfilter of [{user}] from {_SHIPPED}, {_RELOAD}"
    if report.stamped is not None:
        return ok(pbx, "events", "the event of a call was received")
    if report.changed:
        return fail(pbx, "events", "calls began or ended without an event", fix)
    return warn(pbx, "events", f"no call began or ended within {LISTEN_S:g} s", _CALL + fix)


def timestampevents(pbx: str, report: PbxReport) -> Check:
    """Check that events carry the time they happened, by those that arrived."""
    name = "timestampevents"
    fix = f"timestampevents = yes in [general] of manager.conf, {_RELOAD}"
    if report.stamped is None:
        return warn(pbx, name, "no event was received to check", _CALL + fix)
    if not report.stamped:
        return fail(pbx, name, "events have no Timestamp: their times are inexact", fix)
    return ok(pbx, name, "events have a Timestamp")


def channelvars(pbx: str, report: PbxReport) -> Check:
    """Check that channels carry their owner, by the live ones."""
    name = "channelvars"
    fix = f"channelvars = {VARIABLE} in [general] of manager.conf (all in one line), {_RELOAD}"
    if not report.channels:
        return warn(pbx, name, "no channel is up to check", _CALL + fix)
    bare = [row for row in report.channels if not _names_owner(row)]
    if bare:
        return fail(pbx, name, f"{len(bare)} live channels have no {VARIABLE}", fix)
    return ok(pbx, name, f"{len(report.channels)} live channels have {VARIABLE}")


def _names_owner(row: str) -> bool:
    return any(value.startswith(f"{VARIABLE}=") for value in values_of(row, "ChanVariable"))


def clock(pbx: str, report: PbxReport) -> Check:
    """Check how far the PBX's clock is from ours."""
    if report.ahead_s is None:
        return warn(pbx, "clock", "no answer about its time", "check whether it answers `Ping`")
    found = f"{abs(report.ahead_s):.1f} s {'ahead of' if report.ahead_s > 0 else 'behind'} ours"
    if abs(report.ahead_s) > CLOCKS_APART_S:
        return warn(pbx, "clock", found, "set both clocks by NTP: `timedatectl set-ntp true`")
    return ok(pbx, "clock", found)


def trunk_exists(pbx: str, trunk: str, report: PbxReport) -> Check:
    """Check that an entry of `trunks` matches an existing endpoint."""
    name = f"trunk {trunk}"
    technology, slash, _ = trunk.partition("/")
    if not slash and "*" not in trunk:
        fix = f'write technology and endpoint, as "PJSIP/{trunk}"'
        return fail(pbx, name, "it does not look like the beginning of a channel name", fix)
    if technology != "PJSIP" and not any(mark in technology for mark in "*?["):
        fix = f"place a call over it, and compare with `core show channels`: {trunk}-…"
        return warn(pbx, name, f"{technology} endpoints cannot be listed: not checked", fix)
    if is_pattern(trunk):
        return _endpoints_match(pbx, trunk, report.endpoints)
    exists = report.trunks.get(trunk)
    if exists is None:
        fix = "check `pjsip show endpoints`; load func_devstate to have this checked here"
        return warn(pbx, name, "no answer whether this endpoint exists", fix)
    if not exists:
        has = f": it has {_some(report.endpoints)}" if report.endpoints else ""
        fix = f"list endpoints of pjsip.conf that lead to the outside{has}"
        return fail(pbx, name, "no such endpoint: its calls are neither counted nor billed", fix)
    return ok(pbx, name, "the endpoint exists")


def _endpoints_match(pbx: str, trunk: str, endpoints: Sequence[str] | None) -> Check:
    name = f"trunk {trunk}"
    if endpoints is None:
        fix = "check `pjsip show endpoints`; load res_manager_devicestate to have this checked here"
        return warn(pbx, name, "no list of its PJSIP endpoints: not checked", fix)
    matching = [endpoint for endpoint in endpoints if fnmatchcase(endpoint, trunk)]
    if not matching:
        fix = (
            f"list endpoints of pjsip.conf that lead to the outside: it has {_some(endpoints)};"
            " those of a realtime database are unknown here: list each of them in full"
        )
        return warn(pbx, name, "none of its endpoints has such a name", fix)
    if len(matching) == len(endpoints) > 1:
        fix = "list only endpoints that lead to the outside"
        return warn(pbx, name, f"it matches all {len(matching)} endpoints, phones included", fix)
    return ok(pbx, name, _some(matching))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"
