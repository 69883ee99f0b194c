"""Names the actor of a request for the audit: the user that the kernel reports for a socket."""

from __future__ import annotations

import asyncio
import pwd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import Request

SUDO_USER = "x-pbxbilling-sudo-user"
"""The header in which a command run by root passes on sudo's `SUDO_USER`."""


def actor(uid: int, sudo_user: str | None = None) -> str:
    """Return the user's name; `root (alice)` where sudo says that alice became root.

    `sudo_user` is believed from root only, since root could write the audit rows directly.
    Reads the user database, which may be remote: call it in a thread.
    """
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    if uid != 0 or sudo_user is None or not _exists(sudo_user):
        return name
    return f"{name} ({sudo_user})"


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


async def peer_of(request: Request) -> str:
    """Return the user at the other end of a Unix socket, by the uid that `PeerProtocol` read."""
    uid, sudo_user = request.state.peer_uid, request.headers.get(SUDO_USER)
    return await asyncio.to_thread(actor, uid, sudo_user)
