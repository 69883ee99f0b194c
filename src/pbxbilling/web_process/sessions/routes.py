"""Log in and out, and see and end one's sessions: served by this process alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from pbxbilling.identity.people.log_in import WRONG, Attempt, LogIn, WrongLoginError
from pbxbilling.identity.people.step_up import VALID_S
from pbxbilling.identity.people.user import User
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.web.api.me import Done, Me, Proof
from pbxbilling.web.api.routing import Who, written
from pbxbilling.web.api.schema import Schema
from pbxbilling.web_process.forward import Forwarder
from pbxbilling.web_process.sessions.store import LONGEST, Session, Sessions
from pbxbilling.web_process.sign_in import COOKIE, Requests

GRANT_VALID: Final = timedelta(seconds=VALID_S - 30)  # less than the daemon's: it decides


class LoginForm(Schema):
    """What somebody logs in with; `code` is of the second factor, or a recovery code."""

    email: str
    password: str
    code: str = ""


class OwnSession(Schema):
    """A session of the user; `current` is the one that asks."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str
    current: bool


class SessionRoutes:
    """The routes, with what they need."""

    def __init__(
        self, log_in: LogIn, sessions: Sessions, requests: Requests, forwarder: Forwarder
    ) -> None:
        self._log_in = log_in
        self._sessions = sessions
        self._requests = requests
        self._forwarder = forwarder

    def router(self) -> APIRouter:
        """Return them as a router."""
        router = APIRouter(tags=["identity"])
        router.post("/session", response_model=Me)(self.begin)
        router.delete("/session", response_model=Done)(self.end)
        router.post("/session/step-up", response_model=Done)(self.step_up)
        router.get("/sessions", response_model=list[OwnSession])(self.listed)
        router.delete("/sessions/{session}", response_model=Done)(self.end_one)
        return router

    async def begin(self, request: Request, form: LoginForm) -> Response:
        """Log in."""
        self._requests.check_origin(request)
        address = self._requests.address_of(request)
        found = await self._log_in.check(Attempt(form.email, form.password, form.code, address))
        user = found.user
        principal = await self._requests.principal_for(user)
        if found.changed is not None:
            await self._use_code(user, found.changed, form.code, principal, address)
        agent = request.headers.get("user-agent", "")
        cookie = await self._sessions.begin(user.id, user.password_at, address, agent)
        answer = await written(Me.of(principal), Me)
        longest_s = int(LONGEST.total_seconds())
        answer.set_cookie(
            COOKIE, cookie, max_age=longest_s, secure=True, httponly=True, samesite="lax"
        )
        return answer

    async def end(self, request: Request, _principal: Who) -> Response:
        """Log out."""
        await self._sessions.end(_session_of(request).digest)
        answer = await written(Done(), Done)
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
        return answer

    async def step_up(self, request: Request, principal: Who, proof: Proof) -> Response:
        """Show once more who one is."""
        session, address = _session_of(request), self._requests.address_of(request)
        grant = await self._forwarder.step_up(principal, proof, address)
        await self._sessions.step_up(session.digest, grant.grant, GRANT_VALID)
        return await written(Done(), Done)

    async def listed(self, request: Request, principal: Who) -> Response:
        """List one's sessions, the one seen last first."""
        current = _session_of(request).digest
        found = await self._sessions.of(principal.ident)
        return await written([_shown(one, current) for one in found])

    async def end_one(self, principal: Who, session: str) -> Response:
        """End one of one's sessions."""
        for one in await self._sessions.of(principal.ident):
            if _ident(one) == session:
                await self._sessions.end(one.digest)
                return await written(Done(), Done)
        raise NotFoundError(f"no session {session!r}")

    async def _use_code(
        self, user: User, changed: User, code: str, principal: Principal, address: str
    ) -> None:
        """Use a code up: here where it is one of the moment, in the daemon where it is another."""
        if changed.totp_step != user.totp_step:
            if not await self._sessions.use_step(user.id, changed.totp_step):
                raise WrongLoginError(WRONG)
        elif changed.recovery != user.recovery:
            await self._forwarder.use_recovery(principal, code, address)


def _session_of(request: Request) -> Session:
    session: Session | None = getattr(request.state, "session", None)
    if session is None:
        raise NotFoundError("this is about a session, and there is none: a token was sent")
    return session


def _ident(session: Session) -> str:
    """Return what a list calls a session: it lets nobody in."""
    return session.digest[:16]


def _shown(session: Session, current: str) -> dict[str, object]:
    return {
        "id": _ident(session),
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "address": session.address,
        "agent": session.agent,
        "current": session.digest == current,
    }
