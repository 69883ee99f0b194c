"""A small blocking AMI client for the tests, and a recorder of what Asterisk sends.

It shares no code with the daemon's client, so that each checks the other.
"""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rig.running import Running
from rig.site import AMI_SECRET
from rig.waiting import patience_s

Message = dict[str, str]
"""Header → value; the values of a repeated header are joined by newlines."""


class AmiError(Exception):
    """Asterisk answered an action with an error; the text is its Message."""


class Ami(Running):
    """One AMI session, by default as user `rig`, which may do everything and receives every event.

    A thread of its own reads. `events` holds every event since the login, in order.
    """

    def __init__(self, address: tuple[str, int], username: str = "rig", events: str = "on") -> None:
        self.events: list[Message] = []
        self._answers: dict[str, Message] = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._ended = False
        self._socket = socket.create_connection(address, timeout=patience_s(10))
        self._socket.settimeout(None)
        threading.Thread(target=self._read, name="rig-ami", daemon=True).start()
        self.action("Login", Username=username, Secret=AMI_SECRET, Events=events)

    def action(self, name: str, timeout_s: float = 10.0, **fields: str | list[str]) -> Message:
        """Send an action and return its response. A list sends its header once per value.

        Raises AmiError when Asterisk answers Error, TimeoutError when it does not answer.
        """
        number = f"rig-{next(self._numbers)}"
        self._socket.sendall(_action(name, {"ActionID": number, **fields}))
        answer = self._await(
            lambda: self._answers.pop(number, None), f"the answer to {name}", timeout_s
        )
        if answer["Response"] == "Error":
            raise AmiError(f"{name}: {answer.get('Message', answer)}")
        return answer

    def channels(self) -> list[Message]:
        """Return the rows of CoreShowChannels."""
        start = len(self.events)
        number = self.action("CoreShowChannels")["ActionID"]
        self.wait("CoreShowChannelsComplete", since=start, ActionID=number)
        return [e for e in self.events[start:] if e["Event"] == "CoreShowChannel"]

    def channel(self, endpoint: str) -> str:
        """Return the name of the only live channel of `endpoint`, for instance "PJSIP/acme1"."""
        found = [c["Channel"] for c in self.channels() if c["Channel"].startswith(f"{endpoint}-")]
        if len(found) != 1:
            raise LookupError(f"{endpoint} has {len(found)} channels, not one")
        return found[0]

    def wait(self, event: str, since: int = 0, timeout_s: float = 10.0, **fields: str) -> Message:
        """Return the first event with that name and these headers, from event number `since` on."""
        position = itertools.count(since)
        at = next(position)

        def found() -> Message | None:
            nonlocal at
            while at < len(self.events):
                message = self.events[at]
                at = next(position)
                if _matches(message, event, fields):
                    return message
            return None

        return self._await(found, f"event {event} {fields}", timeout_s)

    def _await(self, probe: Callable[[], Message | None], what: str, timeout_s: float) -> Message:
        limit_s = patience_s(timeout_s)
        deadline = time.monotonic() + limit_s
        with self._changed:
            while (value := probe()) is None:
                if self._ended:
                    raise ConnectionError(f"AMI closed before {what}")
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    raise TimeoutError(f"{what}: not within {limit_s:g} s")
        return value

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            for message in messages(stream):
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: Message) -> None:
        if "Response" in message:
            self._answers[message.get("ActionID", "")] = message
        elif "Event" in message:
            self.events.append(message)

    def stop(self) -> None:
        """End the session."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Recorder(Running):
    """Writes to a file, byte by byte, what Asterisk sends to the daemon's user.

    The file begins with the greeting and the answer to Login and ends with the answer to Logoff.
    """

    def __init__(self, address: tuple[str, int], path: Path) -> None:
        self._link = socket.create_connection(address, timeout=patience_s(10))
        self._file = path.open("wb")
        self._copier = threading.Thread(target=self._copy, name="rig-recorder", daemon=True)
        self._ready = threading.Event()
        self._link.sendall(_action("Login", {"Username": "pbxbilling", "Secret": AMI_SECRET}))
        self._copier.start()
        if not self._ready.wait(patience_s(10)):
            raise TimeoutError("the recorder's login is not answered")

    def snapshot(self, number: str) -> None:
        """Request the list of channels, as a reconciliation does. `number` is the ActionID."""
        self._link.sendall(_action("CoreShowChannels", {"ActionID": number}))

    def _copy(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._link.recv(65536):
                self._file.write(data)
                if b"FullyBooted" in data:  # the last message that a login brings
                    self._ready.set()

    def stop(self) -> None:
        """Log off, and return when the file is complete."""
        self._link.sendall(_action("Logoff", {}))
        self._copier.join(patience_s(10))
        self._link.close()
        self._file.close()


def messages(stream: Iterable[bytes]) -> Iterator[Message]:
    """Yield the AMI messages found in lines; the greeting is not a message."""
    message: Message = {}
    for line in stream:
        key, colon, value = line.decode(errors="replace").rstrip("\r\n").partition(": ")
        if colon:
            message[key] = f"{message[key]}\n{value}" if key in message else value
        elif not key and message:
            yield message
            message = {}


def _action(name: str, fields: dict[str, str | list[str]] | dict[str, str]) -> bytes:
    lines = [f"Action: {name}"]
    for key, value in fields.items():
        lines += [f"{key}: {one}" for one in ([value] if isinstance(value, str) else value)]
    return "\r\n".join([*lines, "", ""]).encode()


def _matches(message: Message, event: str, fields: dict[str, str]) -> bool:
    return message["Event"] == event and all(message.get(k) == v for k, v in fields.items())


def _copy(link: socket.socket, write: Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError):
        while data := link.recv(65536):
            write(data)
