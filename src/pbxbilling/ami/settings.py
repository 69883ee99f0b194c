"""What a link must know of its PBX, and how long it waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """One PBX's manager; all times in seconds."""

    pbx: str
    host: str
    username: str
    secret: str = field(repr=False)
    port: int = 5038
    connect_s: float = 5.0
    login_s: float = 10.0  # Asterisk lets a wrong secret wait for a second
    boot_s: float = 120.0  # from the login to FullyBooted
    ping_s: float = 5.0
    ping_deadline_s: float = 5.0
    action_s: float = 5.0
    list_s: float = 30.0
    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0
    login_retry_s: float = 60.0  # fail2ban counts, and a wrong secret does not mend itself

    def __str__(self) -> str:
        return f"{self.pbx} ({self.username}@{self.host}:{self.port})"
