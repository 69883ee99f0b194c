"""Finds who acts in a request on the admin socket, by the user that the kernel reports for it."""

from __future__ import annotations

import asyncio
import os
import pwd
from typing import TYPE_CHECKING

from pbxbilling.identity.principal import Principal
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.audit import ActorType
from pbxbilling.web.api.rights import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from fastapi import Request

PRINCIPAL = "x-pbxbilling-principal"
"""The header in which the web process says for whom it acts: `token ID` or `user ID`."""

GRANT = "x-pbxbilling-step-up"
"""The header with the grant of a user's step-up."""

WEB_PROCESS = Principal(ActorType.SYSTEM, "web process", frozenset())
_ROOT = 0
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


class Peers:
    """Finds the principals of requests on the admin socket.

    A user of the machine who may use the socket may do everything. The process that faces the world
    (`web_user`) may do nothing by itself: it says for whom it acts, and these may do what the
    daemon's own rows say.
    """

    def __init__(self, sign_in: SignIn, web_user: str) -> None:
        self._sign_in = sign_in
        self._web_user = web_user

    async def principal_of(self, request: Request) -> Principal:
        """Return who acts; `PeerProtocol` has read the uid. Raises ServiceError for nobody."""
        uid = request.state.peer_uid
        web_uid = await asyncio.to_thread(_uid_of, self._web_user)
        given = request.headers.get(PRINCIPAL)
        is_web = uid == web_uid and uid not in (_ROOT, os.geteuid())
        if given is None and not is_web:
            sudo_user = request.headers.get(SUDO_USER)
            return Principal.command(await asyncio.to_thread(actor, uid, sudo_user))
        if given is None:
            return WEB_PROCESS
        if uid not in (_ROOT, os.geteuid(), web_uid):
            raise ForbiddenError(None)
        return await self._named(given)

    async def _named(self, given: str) -> Principal:
        kind, _, ident = given.partition(" ")
        found = None
        if kind == ActorType.TOKEN:
            found = await self._sign_in.of_token(ident)
        elif kind == ActorType.USER:
            found = await self._sign_in.of_user(ident)
        if found is None:
            raise UnauthenticatedError("the web process names nobody who may act")
        return found


def _uid_of(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
