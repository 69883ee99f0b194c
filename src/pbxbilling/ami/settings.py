"""Settings of a link: where the manager listens, the login, and the time limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """One PBX's manager; all times in seconds."""

    pbx: str
    host: str
    username: str
    secret: str = field(repr=False)
    port: int = 5038
    tls: bool = False
    ca_file: Path | None = None  # None: the CAs that this machine trusts
    connect_s: float = 5.0
    login_s: float = 10.0  # Asterisk delays its answer to a wrong secret by a second
    boot_s: float = 120.0  # from the login to FullyBooted
    ping_s: float = 5.0
    ping_deadline_s: float = 5.0
    action_s: float = 5.0
    list_s: float = 30.0
    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0
    login_retry_s: float = 60.0  # fail2ban counts attempts, and a wrong secret stays wrong

    def __str__(self) -> str:
        return f"{self.pbx} ({self.username}@{self.host}:{self.port})"


class Secret(Protocol):
    """A secret that is shown only on request."""

    def get_secret_value(self) -> str:
        """Return the secret."""


class Manager(Protocol):
    """One PBX's manager, as configured."""

    @property
    def name(self) -> str:
        """The PBX's name."""

    @property
    def host(self) -> str:
        """The host on which its manager listens."""

    @property
    def port(self) -> int:
        """The port on which its manager listens."""

    @property
    def username(self) -> str:
        """Our user in its manager.conf."""

    @property
    def secret(self) -> Secret:
        """That user's secret."""

    @property
    def tls(self) -> bool:
        """Whether to speak TLS."""

    @property
    def ca_file(self) -> Path | None:
        """The CA that signed its certificate; None: one that this machine trusts."""


def link_settings(manager: Manager) -> LinkSettings:
    """Return the settings of a link to this manager, with the default time limits."""
    return LinkSettings(
        manager.name,
        manager.host,
        manager.username,
        manager.secret.get_secret_value(),
        manager.port,
        manager.tls,
        manager.ca_file,
    )
