"""Listens for hooks: at the configured address and, for one release, at the port of 0.1.

An upgrade must not leave a site unlimited. The default port of 0.1 was 4573; a dialplan that still
uses it is answered where the configuration names no address, and its hooks are counted, so that
`status` says what to change. A program that has that port (FreePBX's FastAGI server, Wazo's agid)
keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Self

from pbxbilling.agi.server import AgiServer, ListenError
from pbxbilling.agi.server import ListenerSettings as Listener
from pbxbilling.agi.sessions.session import AgiObserver, Ending
from pbxbilling.calls.admission.admit import Admission
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.views import OldPortView
from pbxbilling.config.sections import OLD_HOOK
from pbxbilling.config.settings import Settings
from pbxbilling.config.value_types import Address
from pbxbilling.daemon.listeners import hook_settings
from pbxbilling.kernel.ports import Clock
from pbxbilling.telemetry.logs import Log

_NOBODY = frozenset({Ending.SILENT, Ending.REFUSED_PEER})


class Hooks:
    """Both listeners as one. Which of them exist is fixed at the start, as `agi.listen` is."""

    def __init__(
        self,
        settings: Settings,
        admission: Admission,
        observer: AgiObserver,
        clock: Clock,
        log: Log,
        old_hook: Address = OLD_HOOK,
    ) -> None:
        listener = hook_settings(settings)
        self._new = _server(listener, admission, observer, clock)
        self._old: _OldPort | None = None
        if settings.agi.takes_old_hooks:
            watch = _OldPort(old_hook, settings.agi.listen, observer, log)
            watch.server = _server(watch.settings(listener), admission, watch, clock)
            self._old = watch

    async def start(self) -> None:
        """Listen. Raises `ListenError` for the configured address, but not for the port of 0.1."""
        await self._new.start()
        if self._old is not None:
            await self._old.start()

    def reconfigure(self, settings: Settings) -> None:
        """Apply new limits to later connections; addresses stay the same until a restart."""
        listener = hook_settings(settings)
        self._new.reconfigure(listener)
        if self._old is not None:
            self._old.server.reconfigure(self._old.settings(listener))

    async def close(self) -> None:
        """Stop listening, and let the sessions end."""
        await self._new.close()
        if self._old is not None:
            await self._old.server.close()

    def old_port(self) -> OldPortView | None:
        """Return the port of 0.1 for `status`; None where it is not wanted."""
        return self._old.view() if self._old is not None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _server(
    listener: Listener, admission: Admission, observer: AgiObserver, clock: Clock
) -> AgiServer:
    return AgiServer(
        listener, admission.judge, admission.by_policy, observer, clock, admission.malformed
    )


class _OldPort:
    """Observes the sessions of the port of 0.1: counts each hook, and logs the first."""

    server: AgiServer

    def __init__(self, address: Address, instead: str, observer: AgiObserver, log: Log) -> None:
        self._address = address
        self._instead = instead
        self._observer = observer
        self._log = log
        self._listening = False
        self._hooks = 0

    def settings(self, listener: Listener) -> Listener:
        """Return the same limits for the port of 0.1."""
        return replace(listener, host=self._address.host, port=self._address.port)

    async def start(self) -> None:
        """Listen if the port is free; otherwise log a warning."""
        try:
            await self.server.start()
        except ListenError as error:
            reason = str(error.__cause__)
            self._log.warning("port of 0.1 left alone", address=str(self._address), reason=reason)
            return
        self._listening = True
        self._log.info(
            "port of 0.1 listened on too, in this release",
            address=str(self._address),
            instead=self._instead,
        )

    def view(self) -> OldPortView:
        """Return what `status` shows of the port."""
        return OldPortView(str(self._address), self._listening, self._hooks, self._instead)

    # --- AgiObserver ---------------------------------------------------------------------------

    def session_ended(self, ending: Ending, seconds: float) -> None:
        """Count the session as a hook, unless it ended as a port scan would."""
        self._observer.session_ended(ending, seconds)
        if ending in _NOBODY:
            return
        self._hooks += 1
        if self._hooks == 1:
            self._log.warning(
                "port of 0.1 is asked: the next release does not listen there",
                address=str(self._address),
                mend=f"PBXBILLING_HOOK={self._instead} under [globals], then `dialplan reload`",
            )

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """Pass it on, as at the configured address."""
        self._observer.judge_failed(request, error)

    def command_rejected(self, code: int) -> None:
        """Pass it on, as at the configured address."""
        self._observer.command_rejected(code)

    def stranger(self, ending: Ending, peer: str) -> None:
        """Pass it on, as at the configured address."""
        self._observer.stranger(ending, peer)
