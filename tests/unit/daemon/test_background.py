"""No fault of background work ends the daemon: each is logged and retried, and calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pbxbilling.daemon.daemon import Daemon
from pbxbilling.daemon.tasks import daily, housekeeping
from pbxbilling.daemon.tasks import supervisor as supervise
from rig.site import free_port
from rig.waiting import patience_s
from tests.support.agi.client import ask, environment
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock

STRIPE = """
[stripe]
enabled = true
secret_key = "sk_test_1"
webhook_secrets = ["whsec_1"]
api_base = "http://127.0.0.1:9"
"""
# The place where each background task works, and the log event for its failure.
WORK: Mapping[str, tuple[Callable[[Daemon], Any], str, str]] = {
    "daily check": (lambda one: one.services.daily, "is_due", "daily check failed"),
    "purge": (lambda one: one.services.purge, "is_due", "purge failed"),
    "statements": (lambda one: one.jobs.statement_task._closer, "look", "task failed"),
    "figures": (lambda one: one.services.figures, "take", "task failed"),
    "tokens": (lambda one: one.jobs.tokens_task._work, "is_due", "tokens not looked at"),
    "live": (lambda one: one.live.feed, "tick", "task failed"),
    "mqtt": (lambda one: one.live.mqtt, "_attend", "task failed"),
    "marks": (lambda one: one.live.pbx_fleet, "mark", "task failed"),
    "allowances": (lambda one: one.live.housekeeping, "look_at_allowances", "task failed"),
    "stale links": (lambda one: one.live.engine.reconciler, "watch", "task failed"),
    "reservations": (lambda one: one.live.pbx_fleet, "ask_after_unconfirmed", "task failed"),
    "post": (lambda one: _payments(one).flows.inbox, "_sweep", "task failed"),
    "drift": (lambda one: _payments(one).flows.sync, "compare", "task failed"),
    "meters": (lambda one: _payments(one).usage.sender, "round", "task failed"),
    "late usage": (lambda one: _payments(one).usage.late, "look", "task failed"),
    "invoicing": (lambda one: _payments(one).usage.invoicing, "issue", "task failed"),
}
# Tasks that end the daemon when they end; payments and housekeeping only group others.
VITAL = {
    *("store", "pbxes", "pbx pbx1", "ami pbx1", "reconcile pbx1", "http", "admin", "watchdog"),
    *("payments", "housekeeping"),
}


def _payments(daemon: Daemon) -> Any:
    assert daemon.payments is not None
    return daemon.payments


class FailsOnce:
    """A method's replacement: raises the first time, and signals when it is called again."""

    def __init__(self, method: Callable[..., Any], fault: Exception) -> None:
        self._method, self._fault = method, fault
        self._tried = 0
        self.again = asyncio.Event()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._tried += 1
        if self._tried == 1:
            raise self._fault
        self.again.set()
        return self._method(*args, **kwargs)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(daily, "LOOK_S", 0.001)
    monkeypatch.setattr(housekeeping, "WATCH_S", 0.001)


def _settings(directory: Path, port: int) -> str:
    return (
        f'[agi]\nlisten = "127.0.0.1:{port}"\n[http]\nlisten = "127.0.0.1:0"\n'
        f'admin = "{directory}/admin.sock"\n[mqtt]\nenabled = true\nurl = "mqtt://127.0.0.1:9"\n'
        f"{STRIPE}"
    )


@pytest.mark.parametrize(
    "fault", [OverflowError("date value out of range"), KeyError("acme")], ids=repr
)
async def test_every_task_fails_once_and_goes_on_and_calls_are_judged(
    fault: Exception, tmp_path: Path
) -> None:
    port = free_port()
    async with whole_daemon(tmp_path, Clock(), _settings(tmp_path, port), writes=False) as whole:
        failing = {}
        for task, (part_of, method, _) in WORK.items():
            part = part_of(whole.daemon)
            failing[task] = FailsOnce(getattr(part, method), fault)
            setattr(part, method, failing[task])
        running = asyncio.create_task(whole.daemon.run())
        for task, one in failing.items():
            tried = asyncio.create_task(one.again.wait())
            async with asyncio.timeout(patience_s(20)):
                await asyncio.wait({running, tried}, return_when=asyncio.FIRST_COMPLETED)
            assert not running.done(), (task, running)
            assert tried.done(), task
        tasks = {task.get_name() for task in asyncio.all_tasks()}
        assert {name for name in tasks if not name.startswith("Task-")} <= VITAL | set(WORK)
        verdict = await ask(port, environment(tenant="nobody"))
        assert verdict.startswith(b"SET VARIABLE")
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        _check_told(whole, type(fault).__name__)


def _check_told(whole: Whole, fault: str) -> None:
    told = [line for line in whole.log.written if str(line.get("error", "")).startswith(fault)]
    for task, (_, _, event) in WORK.items():
        named = [one for one in told if one["event"].startswith(event)]
        assert [one for one in named if one.get("task", task) == task], task


class Unreadable:
    """A journal that raises an unexpected error."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    async def catch_up(self, *_: object, **__: object) -> None:
        raise self._fault


async def test_a_row_of_a_journal_costs_no_link(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        link: Any = whole.daemon.live.pbx_fleet._links["pbx1"]
        link._recovery = Unreadable(OverflowError("date value out of range"))
        await link._read_journal(None)
        link._recovery = None
        (line,) = [one for one in whole.log.written if one["event"] == "journal not read"]
        assert (line["pbx"], "OverflowError" in line["error"]) == ("pbx1", True)
        assert b'kind="journal_failed"' in await whole.daemon.live.metrics.scrape()
