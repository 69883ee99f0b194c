"""Finds who acts in a request: by its token, or by the cookie of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from fastapi import Request
from starlette.types import Scope

from pbxbilling.config.sections import WebSettings
from pbxbilling.identity.people.user import User
from pbxbilling.identity.ports import IdentityStore
from pbxbilling.identity.principal import Principal
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.addresses import Network, is_in
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.web.api.rights import UnauthenticatedError
from pbxbilling.web_process.sessions.store import Session, Sessions

COOKIE: Final = "__Host-pbxb"
_BEARER: Final = "Bearer "
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS: Final = frozenset({"same-origin", "none"})  # none: typed, or from a bookmark


class CrossSiteError(ServiceError):
    """Another site made the browser send this; it is not done."""

    status = 403
    code = "cross_site"


def is_ours(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Return whether a request that has a cookie may act by it; `origin` is our own.

    Browsers say where a request comes from (`Sec-Fetch-Site`), older ones at least the origin. What
    says neither is no browser, and does not act by a cookie. https://www.w3.org/TR/fetch-metadata/
    """
    if method in _SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OURS
    return headers.get("origin") == origin


def client_address(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the client's address: the peer's own, or what trusted proxies say of it.

    `forwarded` is `X-Forwarded-For`: each proxy adds the address that it was asked from, on the
    right. So the first one from the right that is no trusted proxy is the client, and whatever
    stands left of it is the client's own invention.
    """
    address = peer
    for text in reversed(forwarded.split(",")):
        if not is_in(address, proxies):
            return address
        given = text.strip()
        try:
            address = str(ip_address(given))
        except ValueError:
            return address
    return address


class Requests:
    """Reads requests. Raises StoreError, and ServiceError for nobody's."""

    def __init__(
        self, store: IdentityStore, sign_in: SignIn, sessions: Sessions, web: WebSettings
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._sessions = sessions
        self._web = web

    def address_of(self, request: Request) -> str:
        """Return where a request came from."""
        peer = request.client.host if request.client else ""
        forwarded = request.headers.get("x-forwarded-for", "")
        return client_address(peer, forwarded, self._web.trusted_proxies) if forwarded else peer

    def is_proxied(self, scope: Scope) -> bool:
        """Return whether a proxy of ours has sent a request."""
        client = scope.get("client")
        return client is not None and is_in(client[0], self._web.trusted_proxies)

    async def principal_of(self, request: Request) -> Principal:
        """Return who acts. Raises UnauthenticatedError, CrossSiteError."""
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            return await self._by_token(authorization, self.address_of(request))
        session = await self.session_of(request)
        found = None if session is None else await self._by_session(session)
        if found is None:
            raise UnauthenticatedError(
                "nobody: log in, or send `Authorization: Bearer TOKEN` with a token in force"
            )
        return found

    async def session_of(self, request: Request) -> Session | None:
        """Return the session of a request's cookie; None without one in force."""
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        self.check_origin(request)
        session = await self._sessions.find(cookie)
        request.state.session = session
        return session

    def check_origin(self, request: Request) -> None:
        """Raise CrossSiteError for what another site made a browser send."""
        if not is_ours(request.method, request.headers, self._web.origin):
            raise CrossSiteError("another site has sent this: it was not done")

    def is_stepped_up(self, request: Request, principal: Principal) -> bool:
        """Return whether the daemon has given the session a grant; it looks at that again."""
        session: Session | None = getattr(request.state, "session", None)
        return principal.type is ActorType.USER and session is not None and bool(session.step_up)

    async def principal_for(self, user: User) -> Principal:
        """Return who acts as a user who has just been let in. Raises UnauthenticatedError."""
        found = await self._sign_in.of_user(user.id)
        if found is None:
            raise UnauthenticatedError("the user is gone meanwhile")
        return found

    async def _by_token(self, authorization: str, address: str) -> Principal:
        text = authorization.removeprefix(_BEARER)
        found = await self._sign_in.by_token(text, address)
        if found is None or text == authorization:
            raise UnauthenticatedError("the token is none, or not in force any more")
        return found

    async def _by_session(self, session: Session) -> Principal | None:
        """Return the user of a session; one with another password, or kept out, has none."""
        user = await self._store.user(session.user)
        is_same = user is not None and user.password_at == session.password_at
        if user is None or not is_same or user.disabled_at is not None:
            await self._sessions.end(session.digest)
            return None
        return await self._sign_in.of_user(user.id)
