"""Builds the daemon's scheduled tasks: daily check, purge, statements and figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from pbxbilling.billing.statements.close import Closer
from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.live import LiveCalls
from pbxbilling.daemon.tasks.daily import DailyTask, check_hour, purge_hour
from pbxbilling.daemon.tasks.figures import FiguresTask
from pbxbilling.daemon.tasks.statements import StatementTask
from pbxbilling.identity.facts import TokenCheckFailed
from pbxbilling.privacy.retention import PurgeFailed
from pbxbilling.subscriptions.facts import DailyCheckFailed
from pbxbilling.web.api.services import Services
from pbxbilling.wiring.services import Ground, wire_closing, wire_expiry
from pbxbilling.worker.process import WorkerOn


class Jobs:
    """The scheduled tasks; none is vital, so each is restarted when it fails."""

    def __init__(
        self,
        ground: Ground,
        services: Services,
        live: LiveCalls,
        settings: Settings,
        by_worker: WorkerOn,
    ) -> None:
        clock, emit = ground.clock, ground.emit
        self._purge = services.purge
        self.check_task = DailyTask(
            services.daily, clock, emit, check_hour(settings), DailyCheckFailed
        )
        self.purge_task = DailyTask(services.purge, clock, emit, purge_hour(settings), PurgeFailed)
        self.tokens_task = DailyTask(
            wire_expiry(ground), clock, emit, check_hour(settings), TokenCheckFailed
        )
        self.figures_task = FiguresTask(services.figures, emit)
        closer = Closer(
            services.billing.statements,
            wire_closing(ground, by_worker),
            clock,
            emit,
            live.pbx_fleet.known_until,
            live.writer.flush,
            lambda: asyncio.sleep(0),
        )
        self.statement_task = StatementTask(closer, clock)

    def join(self, facts: FactBus) -> None:
        """Subscribe the tasks to facts that change figures or the ends of periods."""
        facts.join((self.figures_task.sink, self.statement_task.sink), besides=OF_CALLS)

    def put_in_force(self, settings: Settings) -> None:
        """Apply reloaded settings."""
        self._purge.retention = settings.retention.retention()
        self.check_task.change(check_hour(settings))
        self.tokens_task.change(check_hour(settings))
        self.purge_task.change(purge_hour(settings))

    def runs(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return the tasks to keep running, by name."""
        return {
            "daily check": self.check_task.run,
            "statements": self.statement_task.run,
            "purge": self.purge_task.run,
            "tokens": self.tokens_task.run,
            "figures": self.figures_task.run,
        }
