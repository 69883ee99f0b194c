"""The manager rights of our user: those that are used, and those that are too many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

Action: TypeAlias = Literal[
    "Challenge",
    "Login",
    "Ping",
    "ListCommands",
    "CoreShowChannels",
    "Status",
    "AbsoluteTimeout",
    # used by the doctor alone
    "CoreSettings",
    "CoreStatus",
    "DeviceStateList",
    "Getvar",
    "ShowDialPlan",
]
"""Every action that is ever sent. `NEEDED` allows each of them, in Asterisk 16 to 22."""

NEEDED = "call,reporting"

# For each right that is too much, an action that no other right allows (`ListCommands` names the
# rights of each). `system` runs programs (MixMonitor) and loads modules, `config` reads and writes
# files with other users' secrets, `command` is the console, `originate` calls anybody, `agi` runs
# any application on a channel.
_TELLING = {
    "ModuleLoad": "system",
    "UpdateConfig": "config",
    "Command": "command",
    "Originate": "originate",
    "AGI": "agi",
    "MessageSend": "message",
    "UserEvent": "user",
}


def beyond_need(actions: Iterable[str]) -> tuple[str, ...]:
    """Return the unneeded rights of a user that may send these actions.

    `write = all` shows as each of them.
    """
    allowed = frozenset(actions)
    return tuple(right for action, right in _TELLING.items() if action in allowed)


def how_to_fix(user: str) -> str:
    """Return what to write where that user has too few rights, or too many.

    A session keeps the rights that its login gave it (main/manager.c).
    """
    return (
        f"write = {NEEDED} in [{user}] of manager.conf, then `manager reload`; it applies from the"
        " next login on: restart the daemon"
    )
