"""The virtual PBX itself: its channels, and calls with the life they have on Asterisk 22."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rig.virtualpbx.channel import Channel
from rig.virtualpbx.faults import Faults
from rig.virtualpbx.hook import ask_hook
from rig.virtualpbx.journal import Journal
from rig.virtualpbx.manager import Manager

NORMAL, BUSY, ANSWERED_ELSEWHERE = 16, 17, 26  # Q.850


@dataclass(frozen=True, slots=True)
class Placed:
    """The outcome of a call; `trunk` is the leg that answered, empty where none did."""

    verdict: str
    cause: int
    uniqueid: str
    trunk: str = ""
    talked_s: float = 0.0

    @property
    def admitted(self) -> bool:
        """Whether the dialplan went on; as shipped, it does so without a verdict (`open`)."""
        return not self.verdict.startswith("REFUSE")


class VirtualPbx:
    """A PBX with one trunk, `PJSIP/carrier`. Use it as an async context manager."""

    def __init__(
        self,
        name: str = "pbx1",
        *,
        hook: tuple[str, int] | None = None,
        username: str = "pbxbilling",
        secret: str = "secret",
        cel_csv: Path | None = None,
        login_delay_s: float = 1.0,
        epoch: int | None = None,
    ) -> None:
        self.name = name
        self.hook = hook
        self.faults = Faults()
        self.login_delay_s = login_delay_s
        self.manager = Manager(self, username, secret)
        self._journal = Journal(cel_csv)
        self._channels: dict[str, Channel] = {}
        self._cuts: dict[str, asyncio.TimerHandle] = {}
        self._ends: dict[str, asyncio.Event] = {}  # uniqueid → the end of its call's talk
        self._numbers = itertools.count()
        self._started_s = time.monotonic()
        self._epoch = int(time.time()) if epoch is None else epoch  # first part of every Uniqueid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The manager's port."""
        return self.manager.port

    @property
    def uptime_s(self) -> int:
        """Whole seconds since its start, as FullyBooted reports them."""
        return int(time.monotonic() - self._started_s)

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Open the manager's port, for TLS with that context."""
        await self.manager.start(host, port, tls)

    async def stop(self) -> None:
        """Close everything; calls under way end without an event."""
        self._forget()
        await self.manager.stop()

    async def restart(self) -> None:
        """Die and come back at once: every channel and session is gone, the uptime restarts."""
        self._forget()
        self._started_s = time.monotonic()
        await self.manager.drop()

    def channels(self) -> list[Channel]:
        """Return the live channels, oldest first."""
        return list(self._channels.values())

    def find(self, name: str) -> Channel | None:
        """Return a channel by Uniqueid or name, as Asterisk looks it up."""
        by_id = self._channels.get(name)
        return by_id or next((c for c in self._channels.values() if c.name == name), None)

    def cut_after(self, channel: Channel, seconds: float) -> None:
        """End the channel's call in so many seconds; replaces an earlier order."""
        earlier = self._cuts.pop(channel.uniqueid, None)
        if earlier is not None:
            earlier.cancel()
        end = self._ends.get(channel.uniqueid)
        if end is not None:
            loop = asyncio.get_running_loop()
            self._cuts[channel.uniqueid] = loop.call_later(seconds, end.set)

    def hangup(self, uniqueid: str) -> None:
        """Hang up as the party behind that channel."""
        end = self._ends.get(uniqueid)
        if end is not None:
            end.set()

    def populate(self, channels: int, tenant: str = "acme") -> None:
        """Fill the list with answered trunk legs about which no event was sent."""
        for _ in range(channels):
            leg = self._channel("carrier", 6, "", tenant)
            leg.application = "AppDial"
            self._channels[leg.uniqueid] = leg

    def lose(self, channels: int) -> None:
        """End the oldest channels without an event."""
        for channel in self.channels()[:channels]:
            del self._channels[channel.uniqueid]

    def emit(self, event: str, body: str, privilege: str = "call,all") -> None:
        """Send any event."""
        self.manager.emit(event, body, privilege)

    async def call(
        self,
        tenant: str,
        number: str,
        *,
        talk_s: float = 1.0,
        ring_s: float = 0.1,
        fork: int = 1,
        direction: str = "outbound",
        answered: bool = True,
        caller: str = "100",
        endpoint: str = "",
    ) -> Placed:
        """Place a call through the hook and run it to its end.

        It rings `fork` legs; the first answers after `ring_s`. An outbound call dials the trunk
        from a phone (`endpoint`, by default the tenant's name), an inbound one the other way.
        """
        phone = endpoint or tenant or "phone"
        outside = direction == "inbound"
        a_leg = self._born("carrier" if outside else phone, 4, "", tenant, number, caller)
        self._journal.write("PBXBILLING", a_leg, {"extra": f"{direction}|{tenant}|{number}"})
        end = self._ends[a_leg.uniqueid] = asyncio.Event()
        a_leg.variable = await self._verdict(a_leg, direction, tenant, number)
        if a_leg.variable.startswith("REFUSE"):
            cause = int(a_leg.variable.split("|")[4] or BUSY)
            self.emit("SoftHangupRequest", f"{a_leg.block()}Cause: {NORMAL}\r\n")
            self._gone(a_leg, cause)
            return Placed(a_leg.variable, cause, a_leg.uniqueid)
        dialled = "carrier" if direction == "outbound" else phone
        legs = [self._leg(a_leg, dialled, end) for _ in range(fork)]
        for leg in legs:
            self.emit("DialBegin", f"{a_leg.block()}{leg.block('Dest')}DialString: {number}\r\n")
        talked_s, trunk = await self._live(a_leg, legs, end, ring_s, talk_s if answered else None)
        return Placed(a_leg.variable, NORMAL, a_leg.uniqueid, trunk, talked_s)

    async def _verdict(self, channel: Channel, direction: str, tenant: str, number: str) -> str:
        if self.hook is None:
            return ""
        arguments = (tenant, channel.linkedid, number, self.name)
        verdict = await ask_hook(*self.hook, channel, direction, arguments)
        return verdict or f"ADMIT|{tenant}|{direction}|fallback||||"

    async def _live(
        self,
        a_leg: Channel,
        legs: list[Channel],
        end: asyncio.Event,
        ring_s: float,
        talk_s: float | None,
    ) -> tuple[float, str]:
        if ring_s:
            for leg in legs:
                self._state(leg, 5)
        given_up = await _passed(end, ring_s)
        if talk_s is None or given_up:
            self._unanswered(a_leg, legs, given_up=given_up)
            return 0.0, ""
        winner = legs[0]
        self._answered(a_leg, winner, legs[1:])
        since_s = time.monotonic()
        await _passed(end, talk_s)
        self._hung_up(a_leg, winner)
        return time.monotonic() - since_s, winner.uniqueid

    def _channel(self, endpoint: str, state: int, linkedid: str, accountcode: str) -> Channel:
        number = next(self._numbers)
        uniqueid = f"{self._epoch}.{number}"
        name = f"PJSIP/{endpoint}-{number:08x}"
        return Channel(name, uniqueid, linkedid or uniqueid, state, accountcode=accountcode)

    def _born(
        self, endpoint: str, state: int, linkedid: str, tenant: str, exten: str, caller: str
    ) -> Channel:
        channel = self._channel(endpoint, state, linkedid, tenant)
        channel.exten, channel.caller, channel.context = exten, caller, f"from-{endpoint}"
        self._channels[channel.uniqueid] = channel
        self.emit("Newchannel", channel.block())
        self._journal.write("CHAN_START", channel)
        return channel

    def _leg(self, a_leg: Channel, endpoint: str, end: asyncio.Event) -> Channel:
        leg = self._born(endpoint, 0, a_leg.linkedid, "", "s", "")
        leg.variable, leg.application, a_leg.application = a_leg.variable, "AppDial", "Dial"
        leg.exten, leg.accountcode = a_leg.exten, a_leg.accountcode
        self._ends[leg.uniqueid] = end
        if leg.accountcode:
            self.emit("NewAccountCode", f"{leg.block()}OldAccountCode: \r\n")
        return leg

    def _state(self, channel: Channel, state: int) -> None:
        channel.state = state
        self.emit("Newstate", channel.block())
        if state == 6:
            self._journal.write("ANSWER", channel)

    def _dial_end(self, a_leg: Channel, leg: Channel, status: str) -> None:
        self.emit("DialEnd", f"{a_leg.block()}{leg.block('Dest')}DialStatus: {status}\r\n")

    def _answered(self, a_leg: Channel, winner: Channel, losers: list[Channel]) -> None:
        self._state(winner, 6)
        for leg in losers:
            self._dial_end(a_leg, leg, "CANCEL")
        self._dial_end(a_leg, winner, "ANSWER")
        self._state(a_leg, 6)
        for leg in losers:
            self._gone(leg, ANSWERED_ELSEWHERE)
        a_leg.bridge = winner.bridge = f"bridge-{winner.uniqueid}"
        for i, channel in enumerate((winner, a_leg), 1):
            self.emit("BridgeEnter", f"{_bridge(channel.bridge, i)}{channel.block()}")
            self._journal.write("BRIDGE_ENTER", channel, {"bridge_id": channel.bridge})

    def _unanswered(self, a_leg: Channel, legs: list[Channel], *, given_up: bool) -> None:
        if given_up:
            self.emit("HangupRequest", a_leg.block())
        for leg in legs:
            self._dial_end(a_leg, leg, "CANCEL" if given_up else "NOANSWER")
        self.emit("SoftHangupRequest", f"{a_leg.block()}Cause: {NORMAL}\r\n")
        for channel in (*legs, a_leg):
            self._gone(channel, NORMAL)

    def _hung_up(self, a_leg: Channel, winner: Channel) -> None:
        for request in ("HangupRequest", "SoftHangupRequest"):
            self.emit(request, f"{a_leg.block()}Cause: {NORMAL}\r\n")
        for left, channel in enumerate((a_leg, winner), 1):
            self.emit("BridgeLeave", f"{_bridge(channel.bridge, 2 - left)}{channel.block()}")
            self._journal.write("BRIDGE_EXIT", channel, {"bridge_id": channel.bridge})
        for channel in (winner, a_leg):
            self._gone(channel, NORMAL)

    def _gone(self, channel: Channel, cause: int) -> None:
        uniqueid = channel.uniqueid
        self._ends.pop(uniqueid, None)
        cut = self._cuts.pop(uniqueid, None)
        if cut is not None:
            cut.cancel()
        if self._channels.pop(uniqueid, None) is None:
            return  # it died with an earlier life of this PBX
        self.emit("Hangup", f"{channel.block()}Cause: {cause}\r\nCause-txt: -\r\n")
        extra = {"hangupcause": cause, "hangupsource": "", "dialstatus": ""}
        self._journal.write("HANGUP", channel, extra)
        self._journal.write("CHAN_END", channel)
        if uniqueid == channel.linkedid:
            self._journal.write("LINKEDID_END", channel)

    def _forget(self) -> None:
        for cut in self._cuts.values():
            cut.cancel()
        for end in self._ends.values():
            end.set()
        self._cuts.clear()
        self._ends.clear()
        self._channels.clear()


async def _passed(end: asyncio.Event, seconds: float) -> bool:
    """Let the time pass; return True where the end came first."""
    try:
        async with asyncio.timeout(seconds):
            await end.wait()
    except TimeoutError:
        return False
    return True


def _bridge(uniqueid: str, channels: int) -> str:
    return (
        f"BridgeUniqueid: {uniqueid}\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\n"
        f"BridgeCreator: <unknown>\r\nBridgeName: <unknown>\r\nBridgeNumChannels: {channels}\r\n"
        "BridgeVideoSourceMode: none\r\n"
    )
