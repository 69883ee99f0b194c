"""`POST /api/v1/usage`: units of a named meter, sent by another program with its token."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.billing.facts import UsageReceived, UsageResult
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.principal import Principal
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.bounds import UNITS_MOST
from pbxbilling.kernel.errors import NotFoundError, StoreError
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import check_name
from pbxbilling.runtime.clock import LogThrottle

LIMIT = 16_384  # bytes of a body
_STATUS: Mapping[UsageResult, int] = {
    UsageResult.COUNTED: 200,
    UsageResult.KNOWN: 200,
    UsageResult.CONFLICT: 409,
    UsageResult.UNAUTHORIZED: 401,
    UsageResult.FORBIDDEN: 403,
    UsageResult.OVERSIZED: 413,
    UsageResult.UNREADABLE: 400,
    UsageResult.UNKNOWN: 422,
    UsageResult.NOT_KEPT: 503,
}

_BEARER = "Bearer "
_OF_SETTINGS = Principal(ActorType.TOKEN, "usage token", frozenset({Permission.USAGE_WRITE}))

Word = Annotated[str, Field(min_length=1), AfterValidator(check_name)]


class UsageBody(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    tenant: Word
    meter: Word
    units: Annotated[int, Field(ge=1, le=UNITS_MOST)]
    reference: Word


class UsageAnswer(NamedTuple):
    """An HTTP status, and a body as JSON."""

    status: int
    body: bytes


class UsageEndpoint:
    """Finds who sends a request and counts its units.

    `token` is that of `[usage]`, "" without one; the tokens of the API are good as well, with
    `usage.write`. `restriction` says why a tenant's own may not, by its status.
    """

    limit = LIMIT

    def __init__(
        self,
        token: str,
        sign_in: SignIn,
        restriction: Callable[[str], str | None],
        services: UnitCounter,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._expected = f"{_BEARER}{token}".encode() if token else None
        self._sign_in = sign_in
        self._restriction = restriction
        self._services = services
        self._clock = clock
        self._emit = emit
        self._throttle = LogThrottle(clock.monotonic)

    async def principal_of(self, authorization: str, address: str) -> Principal | None:
        """Return who sends a request; None: nobody. Raises StoreError.

        It compares in constant time.
        """
        given = authorization.encode("utf-8", "surrogateescape")
        if self._expected is not None and hmac.compare_digest(given, self._expected):
            return _OF_SETTINGS
        if not authorization.startswith(_BEARER):
            return None
        return await self._sign_in.by_token(authorization.removeprefix(_BEARER), address)

    def why_not(self, principal: Principal) -> str | None:
        """Return why somebody may count no units; None: they may."""
        if Permission.USAGE_WRITE not in principal.permissions:
            return f"the token lacks the permission {Permission.USAGE_WRITE}"
        return None if principal.tenant is None else self._restriction(principal.tenant)

    def refuse(self, result: UsageResult, reason: str) -> UsageAnswer:
        """Reject a request; its log line is throttled, since anybody can send requests."""
        loud = self._throttle.claim()
        self._emit(UsageReceived(self._clock.now(), result, reason=reason, loud=loud))
        return _answer(result, reason)

    async def receive(self, body: bytes, principal: Principal) -> UsageAnswer:
        """Count the units in a complete body; whether its sender may was checked before."""
        try:
            usage = UsageBody.model_validate_json(body)
        except ValidationError as error:
            return self.refuse(UsageResult.UNREADABLE, _first(error))
        if principal.tenant not in (None, usage.tenant):
            return self.refuse(UsageResult.UNKNOWN, f"tenant {usage.tenant!r} is unknown")
        try:
            result = await self._services.take(
                usage.tenant, usage.meter, usage.units, usage.reference
            )
        except NotFoundError as fault:
            return self.refuse(UsageResult.UNKNOWN, str(fault))
        except StoreError as fault:
            return self._answer(UsageResult.NOT_KEPT, usage, str(fault))
        conflict = result is UsageResult.CONFLICT
        return self._answer(
            result,
            usage,
            "this reference was counted with other values: send a new one" if conflict else "",
        )

    def _answer(self, result: UsageResult, usage: UsageBody, reason: str) -> UsageAnswer:
        self._emit(
            UsageReceived(self._clock.now(), result, usage.tenant, usage.meter, usage.units, reason)
        )
        return _answer(result, reason)


def _first(error: ValidationError) -> str:
    """Return the first fault without the value, which may be a misplaced secret."""
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, fault["loc"])) or "body"
    return f"{where}: {fault['msg']}"


def _answer(result: UsageResult, reason: str) -> UsageAnswer:
    answer = {"result": result.value} | ({"reason": reason} if reason else {})
    return UsageAnswer(_STATUS[result], orjson.dumps(answer))
