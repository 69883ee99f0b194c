"""Reloads the configuration on SIGHUP: a valid file takes effect, a faulty one changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from pbxbilling.config.faults import ConfigError
from pbxbilling.config.reload import reload_of
from pbxbilling.config.settings import Settings
from pbxbilling.kernel.facts import ConfigReloaded
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.notify import Notifier


class Configuration:
    """The settings in force; `read` loads them from the file, or raises ConfigError."""

    def __init__(self, read: Callable[[], Settings]) -> None:
        self._read = read
        self.settings = read()

    def read_again(self) -> str:
        """Reload the file and describe the changes. Raises ConfigError, changing nothing."""
        change = reload_of(self.settings, self._read())
        self.settings = change.in_force
        return str(change)


class Reloader:
    """Handles SIGHUP. `put_in_force` passes new settings to every part that uses them."""

    def __init__(
        self,
        configuration: Configuration,
        put_in_force: Callable[[Settings], None],
        clock: Clock,
        emit: EventSink,
        log: Log,
        notifier: Notifier,
    ) -> None:
        self._configuration = configuration
        self._put_in_force = put_in_force
        self._clock = clock
        self._emit = emit
        self._log = log
        self._notifier = notifier

    def __call__(self) -> None:
        """Reload in one step, between two calls: no call sees half of the new settings."""
        self._notifier.reloading(self._clock.monotonic())
        error: str | None = None
        before = self._configuration.settings.mode
        try:
            result = self._configuration.read_again()
        except ConfigError as fault:
            error = str(fault)
        else:
            self._put_in_force(self._configuration.settings)
            self._log.info("configuration read again", result=result)
        mode = self._configuration.settings.mode
        self._emit(ConfigReloaded(self._clock.now(), mode, error, before))
        self._notifier.ready(f"mode {mode}")
