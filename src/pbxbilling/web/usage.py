"""`POST /api/v1/usage`: units of a named meter, sent by another program with its token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.billing.facts import UsageReceived, UsageResult
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
    UsageResult.OVERSIZED: 413,
    UsageResult.UNREADABLE: 400,
    UsageResult.UNKNOWN: 422,
    UsageResult.NOT_KEPT: 503,
}

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
    """Checks the token of a request and counts its units."""

    limit = LIMIT

    def __init__(self, token: str, services: UnitCounter, clock: Clock, emit: EventSink) -> None:
        self._expected = f"Bearer {token}".encode()
        self._services = services
        self._clock = clock
        self._emit = emit
        self._throttle = LogThrottle(clock.monotonic)

    def lets_in(self, authorization: str) -> bool:
        """Return whether the header has the token; compares in constant time."""
        return hmac.compare_digest(authorization.encode("utf-8", "surrogateescape"), self._expected)

    def refuse(self, result: UsageResult, reason: str) -> UsageAnswer:
        """Reject a request; its log line is throttled, since anybody can send requests."""
        loud = self._throttle.claim()
        self._emit(UsageReceived(self._clock.now(), result, reason=reason, loud=loud))
        return _answer(result, reason)

    async def receive(self, body: bytes) -> UsageAnswer:
        """Count the units in a complete body; the token was checked before."""
        try:
            usage = UsageBody.model_validate_json(body)
        except ValidationError as error:
            return self.refuse(UsageResult.UNREADABLE, _first(error))
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
