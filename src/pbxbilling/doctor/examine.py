"""Runs every check independently: one that fails does not prevent the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pbxbilling.ami.settings import LinkSettings, link_settings
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.load import load
from pbxbilling.config.sections import OLD_HOOK, PbxSettings
from pbxbilling.config.settings import Settings
from pbxbilling.doctor import database, journal
from pbxbilling.doctor.check import Check, Result, fail, ok, warn
from pbxbilling.doctor.default_plan import check_default_plan
from pbxbilling.doctor.dialplan import asks_old_port, dialplan
from pbxbilling.doctor.hook import round_trip
from pbxbilling.doctor.judge import judge
from pbxbilling.doctor.manager import PbxReport, UnreachableError, interview
from pbxbilling.kernel.ports import Clock

LIMIT_S = 12.0  # for all checks of a PBX; each part has a shorter limit


_MEANING = "change it, unless it is meant: docs/reference/configuration.md#warnings"


async def examine(path: Path, env: Mapping[str, str], clock: Clock) -> list[Check]:
    """Run all checks at once, in less than 15 s. Raises nothing: a fault becomes a check."""
    try:
        settings = load(path, env)
    except ConfigError as error:
        fix = "correct it; see docs/reference/configuration.md"
        return [fail("configuration", "file", str(fault), fix) for fault in error.faults]
    async with asyncio.TaskGroup() as tasks:
        stored = tasks.create_task(database.look(settings.database))
        planned = tasks.create_task(check_default_plan(settings))
        hooked = tasks.create_task(round_trip(settings.agi, clock))
        pbxes = [tasks.create_task(_pbx(pbx, settings, clock)) for pbx in settings.pbx]
    checks = [ok("configuration", "file", f"{path}, mode {settings.mode}")]
    for warning in settings.warnings():
        checks += [warn("configuration", "meaning", warning, _MEANING)]
    checks += [planned.result(), *stored.result(), hooked.result()]
    return checks + [check for pbx in pbxes for check in pbx.result()]


async def _pbx(pbx: PbxSettings, settings: Settings, clock: Clock) -> list[Check]:
    try:
        async with asyncio.timeout(LIMIT_S):
            report = await interview(_link(pbx), pbx.trunks, clock)
    except UnreachableError as fault:
        fix = (_REFUSED if fault.refused else _UNREACHABLE).format(pbx=pbx)
        checks = [fail(pbx.name, "login", str(fault), fix)]
        report = PbxReport()
    except TimeoutError:
        found = f"{pbx.host}:{pbx.port} did not answer everything within {LIMIT_S:g} s"
        checks = [fail(pbx.name, "login", found, _UNREACHABLE.format(pbx=pbx))]
        report = PbxReport()
    else:
        checks = list(judge(pbx.name, pbx.username, pbx.trunks, report))
        checks += await _dialplan(pbx.name, settings, report, clock)
    return [*checks, await asyncio.to_thread(_journal, pbx, report, clock)]


async def _dialplan(pbx: str, settings: Settings, report: PbxReport, clock: Clock) -> list[Check]:
    """Check the dialplan; if hooks go to the port of 0.1, try it: other programs use it, too."""
    agi, old_answers = settings.agi, False
    if agi.takes_old_hooks and asks_old_port(report):
        there = agi.model_copy(update={"listen": str(OLD_HOOK)})
        old_answers = (await round_trip(there, clock)).result is not Result.FAIL
    only = len(settings.pbx) == 1
    return list(dialplan(pbx, agi, report, only=only, old_answers=old_answers))


_REFUSED = (
    "give [{pbx.username}] in manager.conf the secret of this [[pbx]], and permit this machine's"
    " address there; then `manager reload`"
)
_UNREACHABLE = (
    "check that Asterisk runs, that manager.conf is enabled with bindaddr and port as"
    " {pbx.host}:{pbx.port}, and that no firewall blocks it"
)


def _link(pbx: PbxSettings) -> LinkSettings:
    """Return the daemon's link settings with shorter timeouts."""
    return replace(
        link_settings(pbx),
        connect_s=3.0,
        login_s=4.0,  # Asterisk delays its answer to a wrong secret by a second
        boot_s=2.0,
        ping_s=1.0,
        ping_deadline_s=2.0,
        action_s=3.0,
        list_s=5.0,
    )


def _journal(pbx: PbxSettings, report: PbxReport, clock: Clock) -> Check:
    if pbx.cel_csv is None:
        return journal.no_journal(pbx.name)
    try:
        tail = journal.read_tail(pbx.cel_csv, pbx.cel_zone)
    except OSError as fault:
        return journal.unreadable(pbx.name, pbx.cel_csv, fault, report)
    return journal.judge_tail(pbx.name, pbx.cel_csv, tail, report, clock.now())
