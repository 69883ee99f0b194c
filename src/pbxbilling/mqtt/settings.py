"""Settings of the MQTT sink: the broker, the queue and the time limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One MQTT broker; all times in seconds. `ca_file`: the CA of the broker's certificate, if
    this machine does not trust it.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    queue: int = 10_000  # events, some 1 KB each, that wait while the broker is away
    connect_s: float = 10.0  # DNS, TCP, TLS and CONNACK together
    answer_s: float = 5.0  # for a CONNACK or a PUBACK
    keepalive_s: int = 15  # a silent broker is given up after twice that
    farewell_s: float = 2.0
    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
