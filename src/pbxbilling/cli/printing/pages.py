"""Pages for people: the status of the daemon, one plan, one tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pbxbilling.cli.printing.tables import cell, console, local_time, table

Answer = Mapping[str, Any]

_PBXES = ("pbx", "link", "counts", "journal", "calls", "last_heard_at", "fault")
_ABOUT_A_PLAN = frozenset({"plan", "active", "tenants", "included_minutes"})
_ABOUT_A_TENANT = frozenset({"plan", "status", "status_since", "blocks"})
_AUDIT = ("at", "actor", "action", "changed")


def show_status(status: Answer) -> None:
    """Print mode and readiness, then each PBX, then the rest of the status."""
    page = console()
    page.print(
        f"pbxbilling {status['version']}, mode {status['mode']},"
        f" running since {local_time(status['since'])}"
    )
    page.print(_readiness(status), "")
    page.print(table([_pbx_row(pbx) for pbx in status["pbxes"]], _PBXES), "")
    page.print(
        f"{status['tenants']} tenants, {status['calls']} live calls,"
        f" {status['trunk_legs']} trunk legs"
    )
    for pbx in status["pbxes"]:
        for trunk in pbx["trunks"]:
            page.print(_trunk(pbx["name"], trunk))
    others = (_store(status["store"]), *_broker(status["mqtt"]), _configuration(status))
    for line in (*_unowned(status), *others, *_old_port(status.get("old_port"))):
        page.print(line)


def _readiness(status: Answer) -> str:
    if status["ready"]:
        return "ready: the counts of every PBX are reliable"
    late = [pbx["name"] for pbx in status["pbxes"] if pbx["stale"] or not pbx["reconciled"]]
    why = [f"{', '.join(late)} (calls are judged there as in log mode)"] if late else []
    if status["store"]["fault"]:
        why.append("the store cannot write (calls are judged as usual, records wait)")
    return f"not ready: {'; '.join(why)}"


def _pbx_row(pbx: Answer) -> dict[str, Any]:
    return {
        "pbx": pbx["name"],
        "link": "up" if pbx["connected"] else "down",
        "counts": _counts(pbx),
        "journal": pbx["journal"],
        "calls": pbx["calls"],
        "last_heard_at": pbx["heard_at"],
        "fault": pbx["fault"],
    }


def _trunk(pbx: str, trunk: Answer) -> str:
    full = "; NEARLY FULL" if trunk["nearly_full"] else ""
    name, used, channels = trunk["trunk"], trunk["used"], trunk["channels"]
    return f"trunk {name} of {pbx}: {used} of {channels} channels in use{full}"


def _counts(pbx: Answer) -> str:
    if not pbx["reconciled"]:
        return "not reconciled"
    return "stale" if pbx["stale"] else "reliable"


def _unowned(status: Answer) -> Iterator[str]:
    if status["unowned_legs"]:
        yield (
            f"{status['unowned_legs']} answered trunk legs belong to no tenant: `pbxbilling usage"
            " unowned` lists them"
        )
    heard = status.get("unowned") or {}
    if heard.get("hooks_of_a_day"):
        yield (
            f"{heard['hooks_of_a_day']} hooks of the last day had no tenant:"
            f" {len(heard['accountcodes'])} account codes and {len(heard['dids'])} DIDs belong to"
            " nobody, and `pbxbilling doctor` prints them"
        )


def _store(store: Answer) -> str:
    if store["fault"]:
        return f"store: FAILING, {store['pending']} records wait: {store['fault']}"
    return f"store: good, {store['pending']} records wait"


def _broker(mqtt: Answer | None) -> Iterator[str]:
    if mqtt is not None:
        state = "connected" if mqtt["connected"] else f"DOWN: {mqtt['fault'] or 'no answer yet'}"
        yield (
            f"mqtt: {state}, {mqtt['queued']} events wait, {mqtt['dropped']} were dropped"
            f" ({mqtt['broker']})"
        )


def _old_port(old: Answer | None) -> Iterator[str]:
    if old is None:
        return
    if not old["listening"]:
        yield (
            f"port of 0.1: another program uses {old['address']}, so the daemon does not answer"
            " hooks there; `pbxbilling doctor` shows whether there are any"
        )
    elif old["hooks"]:
        yield (
            f"port of 0.1: {old['hooks']} hooks came to {old['address']}, on which the next release"
            f" does not listen: set PBXBILLING_HOOK={old['instead']} under [globals] of"
            " extensions.conf (FreePBX: in globals_custom.conf), then `dialplan reload`"
        )
    else:
        yield (
            f"port of 0.1: no hook has come to {old['address']}, on which the next release does not"
            f' listen; listen = "{old["instead"]}" under [agi] closes it now'
        )


def _configuration(status: Answer) -> str:
    if status["config_error"]:
        return f"configuration: REFUSED, the last good one stays in force: {status['config_error']}"
    return "configuration: good"


def show_tenant(detail: Answer) -> None:
    """Print status and load, limits and usage, the settings, and the last changes."""
    page = console()
    report, usage = detail["tenant"], detail["usage"]
    page.print(
        f"tenant {report['tenant']}: {report['status']}, plan {plan_in_words(report)},"
        f" mode {report['mode']}"
    )
    for by, why in report["block_reasons"].items():
        page.print(f"blocked by {by}: {why}")
    load = "no daemon runs" if report["calls"] is None else _load(report)
    page.print(f"live calls: {load}")
    page.print(f"limits: {_given(detail['limits']) or 'none'}")
    for way in ("outbound", "inbound"):
        page.print(f"{way} in {usage['month']}: {_way(usage, way)}")
    page.print(f"allowance: {_allowance(usage)}")
    settings = {key: one for key, one in detail["settings"].items() if key not in _ABOUT_A_TENANT}
    page.print(f"settings: {_given(settings)}", "")
    if detail["audit"]:
        page.print(table([audit_row(row) for row in detail["audit"]], _AUDIT))


def _load(report: Answer) -> str:
    limit = "no limit" if report["max_calls"] is None else f"of {report['max_calls']}"
    return f"{report['calls']} ({limit}), {report['trunk_legs']} trunk legs"


def _way(usage: Answer, way: str) -> str:
    seconds = cell("_seconds", usage[f"{way}_seconds"])
    minutes = cell("_minutes", usage[f"{way}_minutes"])
    return f"{usage[f'{way}_calls']} calls, {seconds} s measured, {minutes} min billed"


def _allowance(usage: Answer) -> str:
    if usage["included_minutes"] is None:
        return "unlimited"
    included, over = (cell("_minutes", usage[f"{key}_minutes"]) for key in ("included", "overage"))
    return f"{included} min included, {over} min over"


def show_plan(detail: Answer) -> None:
    """Print the settings of a plan, its tenants, and the last changes."""
    page, plan = console(), detail["plan"]
    state = "active" if plan["active"] else "deactivated: it stays with its tenants until renewal"
    page.print(f"plan {plan['plan']}: {state}")
    page.print(f"included minutes a month: {minutes_in_words(plan)}")
    settings = {key: value for key, value in plan.items() if key not in _ABOUT_A_PLAN}
    page.print(f"settings: {_given(settings)}")
    page.print(f"{plan['tenants']} tenants: {', '.join(detail['tenants']) or 'none'}", "")
    if detail["audit"]:
        page.print(table([audit_row(row) for row in detail["audit"]], _AUDIT))


def minutes_in_words(plan: Answer) -> str:
    """Return the included minutes of a plan as text."""
    return "unlimited" if plan["included_minutes"] == -1 else str(plan["included_minutes"])


def plan_in_words(report: Answer) -> str:
    """Return the name of a tenant's plan, marked if it is deactivated."""
    return report["plan"] if report["plan_active"] else f"{report['plan']} (deactivated)"


def _given(settings: Answer) -> str:
    """Return the settings that are set, under the accounts file's keys."""
    return ", ".join(
        f"{key} {cell(key, value)}"
        for key, value in settings.items()
        if value not in (None, "", [], {}, False)
    )


def audit_row(row: Answer) -> dict[str, Any]:
    """Return a change with its keys in one column."""
    before, after = row["before"] or {}, row["after"] or {}
    changed = [
        f"{key}: {cell(key, before.get(key))} → {cell(key, value)}" for key, value in after.items()
    ]
    return {**row, "changed": "added" if row["before"] is None else changed}
