"""Reports readiness and liveness to the service manager: sd_notify(3), without libsystemd."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Self


class Notifier:
    """Sends messages to the socket that NOTIFY_SOCKET names; without one, everything is a no-op.

    A message that cannot be delivered is dropped: calls are more important than readiness. Used
    from the event loop: a datagram to a local socket does not wait.
    """

    def __init__(self, env: Mapping[str, str], pid: int) -> None:
        """`env`: the process's environment; `pid`: this process, which WATCHDOG_PID must name."""
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self.watchdog_interval_s = _watchdog_interval_s(env, pid) if self._address else None

    def ready(self, status: str) -> None:
        """Report that the start or a reload is over; `systemctl status` shows `status`."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """Report that the event loop still runs; due every `watchdog_interval_s`."""
        self._send("WATCHDOG=1")

    def reloading(self, monotonic_s: float) -> None:
        """Report that a reload begins; `monotonic_s` is CLOCK_MONOTONIC. `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_s * 1e6)}")

    def stopping(self) -> None:
        """Report that the drain has begun."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            return  # the manager is gone or its queue is full; the next message may arrive


def _address(name: str) -> str:
    """Return the socket's address; `@` begins one in the abstract namespace (unix(7))."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_interval_s(env: Mapping[str, str], pid: int) -> float | None:
    """Return half the watchdog's limit, as sd_watchdog_enabled(3) advises; None without one."""
    text = env.get("WATCHDOG_USEC", "")
    meant = env.get("WATCHDOG_PID", str(pid))
    if not text.isdecimal() or int(text) == 0 or meant != str(pid):
        return None
    return int(text) / 2e6


def _one_line(text: str) -> str:
    return " ".join(text.split())
