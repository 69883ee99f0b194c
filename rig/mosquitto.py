"""Mosquitto on loopback: a broker that can be stopped, started and wedged, and its listeners.

It saves nothing to disk: retained messages are gone when it stops.
"""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple, Self

from rig import provision
from rig.certificate import self_signed
from rig.running import Running
from rig.site import free_port
from rig.waiting import patience_s, until

USER, PASSWORD = "pbxbilling", "rig-only-password"


class Heard(NamedTuple):
    """A message as a subscriber received it; `retained`: it is older than the subscription."""

    retained: bool
    topic: str
    payload: str


class Mosquitto(Running):
    """One broker; a context manager that ends the broker and every listener."""

    def __init__(self, directory: Path, *, secure: bool = False) -> None:
        """`secure`: use TLS with a certificate of its own, and a password."""
        self.directory = directory
        self._secure = secure
        self.port = free_port()
        self._root = provision.mosquitto()
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: list[Listener] = []
        directory.mkdir(parents=True, exist_ok=True)
        access = self._secured() if secure else "allow_anonymous true\n"
        (directory / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n{access}persistence false\n"
            f"log_dest file {directory}/mosquitto.log\nuser root\n"
        )

    def _secured(self) -> str:
        """Create the certificate and password; return their lines of the configuration."""
        at = self.directory
        certificate, key = self_signed(at)
        (at / "mqtt.password").write_text(f"{PASSWORD}\n")
        made = self.run("usr/bin/mosquitto_passwd", "-b", "-c", f"{at}/users", USER, PASSWORD)
        made.wait(patience_s(10))
        return (
            f"certfile {certificate}\nkeyfile {key}\n"
            f"allow_anonymous false\npassword_file {at}/users\n"
        )

    @property
    def url(self) -> str:
        """The URL at which it listens."""
        return f"{'mqtts' if self._secure else 'mqtt'}://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> tuple[str, ...]:
        """The further options that its own command-line clients need."""
        if not self._secure:
            return ()
        return ("--cafile", f"{self.directory}/ca.pem", "-u", USER, "-P", PASSWORD)

    def start(self) -> Self:
        """Start the broker, and return when it takes connections."""
        self._process = self.run("usr/sbin/mosquitto", "-c", f"{self.directory}/mosquitto.conf")
        until(self._listens, "Mosquitto listens")
        return self

    def stop(self) -> None:
        """Shut it down in order."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(patience_s(10))

    def wedge(self) -> None:
        """Stop the broker from reading; the kernel still accepts connections for it."""
        self._signal(signal.SIGSTOP)

    def unwedge(self) -> None:
        """Let it read again."""
        self._signal(signal.SIGCONT)

    def listen(self, topic: str = "pbxbilling/#") -> "Listener":
        """Subscribe with mosquitto_sub, and return when the broker has confirmed it."""
        listener = Listener(self, topic, self.directory / f"heard-{len(self._listeners)}")
        self._listeners.append(listener)
        until(listener.subscribed, f"mosquitto_sub has {topic}")
        return listener

    def run(
        self, program: str, *arguments: str, output: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start one of Mosquitto's programs with the libraries unpacked beside it."""
        libraries = next(self._root.glob("usr/lib/*/libmosquitto.so.1")).parent
        with (output or Path(os.devnull)).open("wb") as target:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", str(self._root / program), *arguments],
                env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=subprocess.STDOUT,
            )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=patience_s(1)).close()
        except OSError:
            return False
        return True

    def __exit__(self, *fault: object) -> None:
        for listener in self._listeners:
            listener.stop()
        super().__exit__(*fault)


_MARK = "heard "
"""The prefix of a received message; other lines are mosquitto_sub's log of its connection (-d)."""


class Listener:
    """A third-party subscriber: mosquitto_sub, which reconnects by itself."""

    def __init__(self, broker: Mosquitto, topic: str, output: Path) -> None:
        self._output = output
        self._process = broker.run(
            "usr/bin/mosquitto_sub",
            *("-h", "127.0.0.1", "-p", str(broker.port), "-t", topic),
            *("-d", "-F", f"{_MARK}%r %t %p"),
            *broker.credentials,
            output=output,
        )

    def subscribed(self) -> bool:
        """Whether the broker has taken the subscription."""
        return "Subscribed (" in self._output.read_text()

    def heard(self, topic_end: str = "") -> list[Heard]:
        """Return what arrived so far, in order, on topics that end so."""
        lines = self._output.read_text().splitlines(keepends=True)
        whole = [
            line[len(_MARK) : -1]
            for line in lines
            if line.startswith(_MARK) and line.endswith("\n")
        ]
        parts = [line.split(" ", 2) for line in whole]
        found = [Heard(part[0] == "1", *part[1:]) for part in parts if len(part) == 3]
        return [message for message in found if message.topic.endswith(topic_end)]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
