"""What the daemon asks of a PBX, in the domain's words; no AMI error gets past this."""

from __future__ import annotations

from pbxbilling.ami.actions import ActionError, Answer
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.mapping import row_of
from pbxbilling.ami.observer import LinkObserver
from pbxbilling.ami.protocol import fields_of, values_of
from pbxbilling.domain.signals import ChannelSeen, Snapshot
from pbxbilling.ports import Clock

_NO_CHANNEL = "No such channel"
_SHORTEST_S = 0.001  # Asterisk takes no timeout of 0


class AmiControl:
    """Questions and orders over one link: the port `PbxControl`, and what `doctor` wants to know.

    Asterisk's lookup by channel takes a Uniqueid as well as a name (main/channel.c,
    ast_channel_get_by_name), and a Uniqueid never changes: prefer it.
    """

    def __init__(self, link: AmiLink, observer: LinkObserver, clock: Clock) -> None:
        self._link = link
        self._observer = observer
        self._clock = clock

    async def snapshot(self) -> Snapshot:
        """The channels that live now. Anything short of a whole list is not `complete`.

        Awaited directly, it returns before any later event reaches the sink.
        """
        pbx = self._link.pbx
        asked_at, asked_s = self._clock.now(), self._clock.monotonic()
        rows: list[ChannelSeen] = []

        def take(text: str) -> None:
            row = row_of(pbx, text)
            if row is None:
                self._observer.unmapped(pbx, "CoreShowChannel")
            else:
                rows.append(row)

        try:
            answer = await self._link.ask("CoreShowChannels", row=take)
        except ActionError as fault:
            return Snapshot(
                pbx, (), complete=False, asked_at=asked_at, asked_s=asked_s, problem=str(fault)
            )
        complete = answer.listed == len(rows)
        problem = "" if complete else f"{len(rows)} rows of {answer.listed}: {answer.message}"
        return Snapshot(pbx, tuple(rows), complete, asked_at, asked_s, problem)

    async def channel_exists(self, name: str) -> bool | None:
        """Whether that channel (name or Uniqueid) lives; None where the PBX did not tell."""
        try:
            answer = await self._link.ask("Status", [("Channel", name)])
        except ActionError:
            return None
        if answer.good:
            return True
        return False if answer.message == _NO_CHANNEL else None

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Hang that channel (name or Uniqueid) up so long from now, replacing an earlier order.

        0 or less is at once. False where it is gone, or nobody answered.
        """
        limit = f"{max(seconds, _SHORTEST_S):.3f}"
        try:
            answer = await self._link.ask(
                "AbsoluteTimeout", [("Channel", channel), ("Timeout", limit)]
            )
        except ActionError:
            return False
        return answer.good

    async def core_settings(self) -> dict[str, str]:
        """`AsteriskVersion`, `AMIversion` and the like; raises ActionError."""
        return (await self._good("CoreSettings")).fields

    async def command(self, line: str) -> tuple[str, ...]:
        """The output of a command of Asterisk's console, which needs `write = command`.

        `manager show settings` tells timestampevents and channelvars. Raises ActionError.
        """
        return values_of((await self._good("Command", ("Command", line))).text, "Output")

    async def endpoints(self) -> tuple[str, ...]:
        """The PJSIP endpoints, as channels are named: `PJSIP/carrier`. Raises ActionError."""
        names: list[str] = []
        answer = await self._link.ask(
            "PJSIPShowEndpoints",
            row=lambda text: names.append(f"PJSIP/{fields_of(text).get('ObjectName', '')}"),
        )
        if not answer.good and answer.message != "No endpoints found":
            msg = f"PJSIPShowEndpoints: {answer.message}"
            raise ActionError(msg)
        return tuple(names)

    async def _good(self, action: str, *fields: tuple[str, str]) -> Answer:
        answer = await self._link.ask(action, fields)
        if not answer.good:
            msg = f"{self._link.settings}: {action}: {answer.message}"
            raise ActionError(msg)
        return answer
