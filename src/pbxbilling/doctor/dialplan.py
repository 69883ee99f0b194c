"""Checks that a PBX's dialplan sends its hooks to this daemon: pure functions of `PbxReport`."""

from __future__ import annotations

from collections.abc import Iterator
from hmac import compare_digest

from pbxbilling.config.sections import OLD_HOOK, AgiSettings
from pbxbilling.config.value_types import Address
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.manager import CONTEXT, TOKEN, PbxReport
from pbxbilling.doctor.refused import refused_places

_PORTLESS = 4573  # Asterisk's port for agi://HOST (res/res_agi.c, AGI_PORT)
_GLOBALS = "under [globals] of extensions.conf (FreePBX: in globals_custom.conf)"
_RELOAD = "then `dialplan reload`"
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared only
_DISTRUSTED = "agi.on_malformed decides about calls"
_OPEN = "PBXBILLING_FALLBACK decides about calls"


def dialplan(
    pbx: str, agi: AgiSettings, report: PbxReport, *, only: bool, old_answers: bool
) -> Iterator[Check]:
    """Check that the subroutine is loaded, and that its globals lead to this daemon.

    `only`: this is the only PBX; `old_answers`: the daemon answers at the port of 0.1, too.
    """
    listen = agi.address
    shipped = "include extensions_pbxbilling.conf in extensions.conf, then `dialplan reload`"
    if report.subroutine is None:
        unknown = "no answer whether the subroutine is loaded"
        yield warn(pbx, "dialplan", unknown, f"see `dialplan show {CONTEXT}`; {shipped}")
        return
    if not report.subroutine:
        yield warn(pbx, "dialplan", f"no context {CONTEXT}: no call is refused", shipped)
        return
    yield ok(pbx, "dialplan", f"{CONTEXT} is loaded")
    _, name, _ = report.globals
    yield _hook_global(pbx, listen, report, old_answers=old_answers)
    yield _pbx_global(pbx, name, only=only)
    if token := agi.token.get_secret_value():
        yield _token_global(pbx, token, report)
    yield from refused_places(pbx, report.refused, report.places, known=report.knows_refused)


def asks_old_port(report: PbxReport) -> bool:
    """Return whether this PBX's hooks go to the port of 0.1."""
    return port_of(_hook_address(report) or "") == OLD_HOOK.port


def port_of(hook: str) -> int | None:
    """Return the port of a PBXBILLING_HOOK, "host:port" or "host"; None if it is neither."""
    host, colon, port = hook.rpartition(":")
    if not colon or hook.endswith("]"):
        return _PORTLESS if hook else None
    return int(port) if host and port.isdecimal() else None


def _hook_address(report: PbxReport) -> str | None:
    """Return where the subroutine sends hooks first; "": nowhere, None: unknown."""
    hook = report.globals[0]
    return report.default_hook if hook == "" else hook


def _hook_global(pbx: str, listen: Address, report: PbxReport, *, old_answers: bool) -> Check:
    name = "PBXBILLING_HOOK"
    where = f"HOST:{listen.port}" if listen.host in _ANYWHERE else str(listen)
    fix = f"{name}={where} {_GLOBALS}, {_RELOAD}"
    hook = _hook_address(report)
    if hook is None:
        return warn(pbx, name, "no answer about its value", fix)
    if not hook:
        return fail(pbx, name, f"empty, and the subroutine has no default: {_OPEN}", fix)
    found = hook if report.globals[0] else f"empty: {hook} by default"
    if port_of(hook) == listen.port:
        return ok(pbx, name, found)
    if port_of(hook) == OLD_HOOK.port and old_answers:
        found = f"{found}: this release answers there, the next one does not"
        return warn(pbx, name, found, fix)
    if port_of(report.globals[2] or "") == listen.port:
        found = f"hooks go to {found} first; this daemon is the second, in PBXBILLING_HOOK2"
        return warn(pbx, name, found, fix)
    return fail(pbx, name, f"hooks go to {found}, but the daemon listens on {listen}: {_OPEN}", fix)


def _pbx_global(pbx: str, value: str | None, *, only: bool) -> Check:
    name = "PBXBILLING_PBX"
    fix = f"{name}={pbx} {_GLOBALS}, {_RELOAD}"
    if value is None:
        return warn(pbx, name, "no answer about its value", fix)
    if value == pbx:
        return ok(pbx, name, value)
    if value:
        return fail(
            pbx,
            name,
            f"it is {value}, so the daemon takes its calls for those of another PBX",
            fix,
        )
    if only:
        return ok(pbx, name, "empty: the only PBX")
    return warn(
        pbx,
        name,
        "empty: the daemon knows the PBX by its address, if that equals its `host`",
        fix,
    )


def _token_global(pbx: str, token: str, report: PbxReport) -> Check:
    """Check that hooks have the daemon's token; neither of the two is shown."""
    fix = f"{TOKEN}= the content of agi.token_file, {_GLOBALS}, {_RELOAD}"
    if not report.sends_token:
        fix = f"install the new extensions_pbxbilling.conf, {_RELOAD}"
        return fail(pbx, TOKEN, f"the subroutine sends none: {_DISTRUSTED}", fix)
    if report.token is None:
        return warn(pbx, TOKEN, "no answer about its value", fix)
    if not compare_digest(report.token.encode(), token.encode()):
        found = "it is not that of agi.token_file" if report.token else "empty"
        return fail(pbx, TOKEN, f"{found}: {_DISTRUSTED}", fix)
    return ok(pbx, TOKEN, "that of agi.token_file")
