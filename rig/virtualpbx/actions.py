"""The manager's actions, answered as main/manager.c answers them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from rig.virtualpbx.channel import Channel
from rig.virtualpbx.faults import Faults

Headers = Mapping[str, str]


class Switchboard(Protocol):
    """The PBX behind the manager, as the actions need it."""

    faults: Faults
    login_delay_s: float

    @property
    def uptime_s(self) -> int:
        """Whole seconds since its start."""
        ...

    def channels(self) -> list[Channel]:
        """Return the live channels."""
        ...

    def find(self, name: str) -> Channel | None:
        """Return a channel by Uniqueid or name."""
        ...

    def cut_after(self, channel: Channel, seconds: float) -> None:
        """End the channel's call in so many seconds."""
        ...


class Reply(Protocol):
    """The session that sent the action."""

    def write(self, sent: bytes) -> None:
        """Send these bytes."""
        ...

    def respond(self, headers: Headers, *lines: str, response: str = "Success") -> None:
        """Answer an action, with its ActionID."""
        ...


def _ping(session: Reply, _: Switchboard, headers: Headers) -> None:
    session.respond(headers, "Ping: Pong", f"Timestamp: {time.time():.6f}")


def _core_show_channels(session: Reply, pbx: Switchboard, headers: Headers) -> None:
    faults = pbx.faults
    channels = pbx.channels()
    action_id = f"ActionID: {headers.get('ActionID', '')}\r\n"
    session.respond(headers, "EventList: start", "Message: Channels will follow")
    for channel in channels[: faults.cut_list_after]:
        session.write(f"Event: CoreShowChannel\r\n{action_id}{channel.row()}\r\n".encode())
    if faults.cut_list_after is None:
        items = len(channels) + faults.wrong_list_items
        session.write(
            f"Event: CoreShowChannelsComplete\r\n{action_id}"
            f"EventList: Complete\r\nListItems: {items}\r\n\r\n".encode()
        )


def _status(session: Reply, pbx: Switchboard, headers: Headers) -> None:
    channel = _channel(session, pbx, headers)
    if channel is None:
        return
    action_id = f"ActionID: {headers.get('ActionID', '')}\r\n"
    session.respond(headers, "EventList: start", "Message: Channel status will follow")
    session.write(
        f"Event: Status\r\nPrivilege: Call\r\n{channel.block()}{action_id}\r\n"
        f"Event: StatusComplete\r\n{action_id}EventList: Complete\r\n"
        "ListItems: 1\r\nItems: 1\r\n\r\n".encode()
    )


def _absolute_timeout(session: Reply, pbx: Switchboard, headers: Headers) -> None:
    channel = _channel(session, pbx, headers)
    if channel is not None:
        pbx.cut_after(channel, float(headers.get("Timeout", "0")))
        session.respond(headers, "Message: Timeout Set")


def _core_settings(session: Reply, _: Switchboard, headers: Headers) -> None:
    session.respond(headers, "AMIversion: 9.0.0", "AsteriskVersion: 22.10.0-virtual")


def _device_states(session: Reply, pbx: Switchboard, headers: Headers) -> None:
    endpoints = _endpoints(pbx)
    action_id = f"ActionID: {headers.get('ActionID', '')}\r\n"
    session.respond(headers, "EventList: start", "Message: Device State Changes will follow")
    rows = "".join(
        f"Event: DeviceStateChange\r\n{action_id}Device: {name}\r\nState: NOT_INUSE\r\n\r\n"
        for name in endpoints
    )
    session.write(
        f"{rows}Event: DeviceStateListComplete\r\n{action_id}"
        f"EventList: Complete\r\nListItems: {len(endpoints)}\r\n\r\n".encode()
    )


def _getvar(session: Reply, pbx: Switchboard, headers: Headers) -> None:
    """Answer DEVICE_STATE alone; anything else is empty, like a value unknown to Asterisk."""
    variable, value = headers.get("Variable", ""), ""
    if variable.startswith("DEVICE_STATE("):
        known = variable[len("DEVICE_STATE(") : -1] in _endpoints(pbx)
        value = "NOT_INUSE" if known else "INVALID"
    session.respond(headers, f"Variable: {variable}", f"Value: {value}")


def _endpoints(pbx: Switchboard) -> list[str]:
    return sorted({c.name.rpartition("-")[0] for c in pbx.channels()}) or ["PJSIP/carrier"]


def _channel(session: Reply, pbx: Switchboard, headers: Headers) -> Channel | None:
    channel = pbx.find(headers.get("Channel", ""))
    if channel is None:
        session.respond(headers, "Message: No such channel", response="Error")
    return channel


ACTIONS: Mapping[str, Callable[[Reply, Switchboard, Headers], None]] = {
    "ping": _ping,
    "coreshowchannels": _core_show_channels,
    "status": _status,
    "absolutetimeout": _absolute_timeout,
    "coresettings": _core_settings,
    "devicestatelist": _device_states,
    "getvar": _getvar,
}
