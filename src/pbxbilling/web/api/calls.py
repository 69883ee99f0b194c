"""Calls: live calls, admission decisions, usage and the tenants it belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from pbxbilling.accounts.terms.tenant import UNOWNED
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import DecisionQuery, EndWitness, LegPart, LegRecord
from pbxbilling.calls.views import CallKey, CallState, JournalState
from pbxbilling.kernel.bounds import read_instant
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome, Reason
from pbxbilling.kernel.errors import AdministrationError, NeedsDaemonError, NotFoundError
from pbxbilling.web.api.rights import Feature
from pbxbilling.web.api.routing import NEEDS_DAEMON, Actor, ForTenant, Served, page, written
from pbxbilling.web.api.schema import (
    AFTER,
    NO_KEY,
    PAGE,
    After,
    Instant,
    Limit,
    Month,
    Schema,
    leads_to,
    read_by,
)
from pbxbilling.web.api.shape import At, plain, shaped

router = APIRouter(tags=["calls"])


def _decision_key(text: str) -> tuple[datetime, int]:
    """Return the instant and number of a decision from its key. Raises ValueError."""
    at, _, number = text.partition("~")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise ValueError(NO_KEY)
    return read_instant(at), int(number)


DecisionKey = Annotated[str, read_by(_decision_key), AFTER]


def leg_key(text: str) -> tuple[datetime, str]:
    """Return the end and the id of a leg from its place in a list. Raises ValueError."""
    at, _, leg = text.partition("~")
    try:
        return read_instant(at), str(ChannelKey.parse(leg))
    except AdministrationError as error:
        raise ValueError(str(error)) from error


def key_of_leg(ended_at: datetime | None, leg: object) -> str:
    """Return the place of a leg in a list: by its end, then its id."""
    return f"{ended_at.isoformat() if ended_at else ''}~{leg}"


def _call_key(text: str) -> CallKey:
    """Return the place of a call from its key. Raises ValueError."""
    at, _, call = text.partition("~")
    return CallKey(read_instant(at), call)


CallAfter = Annotated[str, read_by(_call_key), AFTER]
LegAfter = Annotated[str, read_by(leg_key), AFTER]


def _part(after: str | None, limit: int) -> LegPart:
    if after is None:
        return LegPart(None, limit)
    at, leg = leg_key(after)
    return LegPart((at, ChannelKey.parse(leg)), limit)


def _place(leg: LegRecord) -> str:
    return key_of_leg(leg.ended_at, leg.key)


class Leg(Schema):
    """One channel of a live call; `direction` is null for an internal one."""

    channel: str
    uniqueid: str
    trunk: bool
    direction: LegDirection | None
    state: CallState


class Call(Schema):
    """One live call: its tenant and since when it holds its slot."""

    call: str
    tenant: str | None
    pbx: str
    direction: Direction
    state: CallState
    started_at: datetime
    answered_at: datetime | None
    caller: str = Field(alias="from")
    number: str = Field(alias="to")
    hooked: bool
    over_limit: bool
    emergency: bool
    estimated: bool
    legs: list[Leg]


class Decision(Schema):
    """One admission decision; `used` and `limit` are set where a limit was reached."""

    id: int
    at: datetime
    pbx: str | None
    uniqueid: str
    call: str | None
    tenant: str | None
    direction: Direction | None
    caller: str
    number: str
    mode: Mode
    outcome: Outcome
    reason: Reason
    breach: Reason | None
    used: int | None
    limit: int | None


class Trunk(Schema):
    """A trunk with a capacity: its live legs, and the channels that it has."""

    trunk: str
    used: int
    channels: int
    nearly_full: bool


class LimitCheck(Schema):
    """A limit: what is held of it now, and whether there may be one more; unlimited is null."""

    allowed: bool
    current: int
    limit: int | None
    remaining: int | None


class Pbx(Schema):
    """One PBX, the state of its link, and its trunks with `trunk_channels`."""

    name: str
    connected: bool
    reconciled: bool
    stale: bool
    heard_at: datetime | None
    journal: JournalState
    calls: int
    fault: str | None
    trunks: list[Trunk]


class Store(Schema):
    """The queue before the database."""

    pending: int
    fault: str | None
    dropped: int


class Broker(Schema):
    """The link to the MQTT broker."""

    broker: str
    connected: bool
    queued: int
    dropped: int
    fault: str | None


class OldPort(Schema):
    """The hook's port of release 0.1, while the daemon listens on it."""

    address: str
    listening: bool
    hooks: int
    instead: str


class Unowned(Schema):
    """Hooks without a tenant, and the account codes and DIDs of the last day that none has."""

    hooks: int
    hooks_of_a_day: int
    accountcodes: list[str]
    dids: list[str]


class Features(Schema):
    """What this site has switched on; what is off has no routes, and keeps its data."""

    billing: bool
    wallet: bool
    signup: bool


class StatusBody(Schema):
    """The daemon at a glance."""

    ready: bool
    version: str
    mode: Mode
    since: datetime
    config_error: str | None
    pbxes: list[Pbx]
    store: Store
    tenants: int
    calls: int
    trunk_legs: int
    unowned_legs: int
    mqtt: Broker | None
    old_port: OldPort | None
    unowned: Unowned


class Status(StatusBody):
    """The daemon at a glance, with what is switched on."""

    features: Features


class LiveLine(Schema):
    """What has changed of what is live; all of it until the first line that makes it `whole`."""

    calls: dict[str, Call]
    gone: list[str]
    loads: dict[str, tuple[int, int, int, int, int]]
    left: dict[str, float | None]
    status: StatusBody | None
    whole: bool


class Usage(Schema):
    """Answered trunk legs of a tenant (null: of none) in one billing period.

    Minutes are decimals as strings; unlimited is null.
    """

    tenant: str | None
    month: str
    plan: str | None
    outbound_calls: int
    outbound_seconds: float
    outbound_minutes: str
    inbound_calls: int
    inbound_seconds: float
    inbound_minutes: str
    included_minutes: str | None
    overage_minutes: str
    begins_at: datetime | None
    ends_at: datetime | None


class TrunkLeg(Schema):
    """One trunk leg on record."""

    leg: Annotated[str, At("key")]
    call: str | None
    tenant: str | None
    direction: LegDirection
    channel: str
    linkedid: str
    caller: str
    number: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    talk_us: int
    billed_s: int
    allowance_s: int
    month: str | None
    witness: EndWitness | None
    over_limit: bool
    emergency: bool
    answer_guessed: bool
    gone_by: datetime | None


class EstimatedLeg(Schema):
    """A leg with an unseen answer or end; it may have talked up to `unproven_seconds` longer."""

    leg: Annotated[str, At("key")]
    tenant: str | None
    month: str | None
    direction: LegDirection
    caller: str
    number: str
    answered_at: datetime | None
    answer_guessed: bool
    ended_at: datetime | None
    witness: EndWitness | None
    gone_by: datetime | None
    seconds: Annotated[float, At("talk_s")]
    billed_seconds: Annotated[int, At("billed_s")]
    unproven_seconds: Annotated[float | None, At("unproven_s")]


class LegOwner(Schema):
    """The tenant that a leg is assigned to."""

    tenant: str


@router.get(
    "/live",
    response_model=LiveLine,
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
    openapi_extra=NEEDS_DAEMON,
)
async def live(services: Served) -> Response:
    """Follow what is live, line by line, for the web process alone."""
    if services.live is None:
        raise NeedsDaemonError("only the daemon knows what is live")
    return StreamingResponse(services.live.subscribe(), media_type="application/x-ndjson")


@router.get("/status", response_model=Status, openapi_extra=NEEDS_DAEMON)
async def status(services: Served, request: Request) -> Response:
    """Show the daemon at a glance."""
    off = request.app.state.switched_off
    features = Features(**{feature.value: feature not in off for feature in Feature})
    shown = shaped(StatusBody, services.calls.status())
    return await written({**shown, "features": features.model_dump()})


@router.get(
    "/calls",
    response_model=list[Call],
    openapi_extra=NEEDS_DAEMON,
    responses=leads_to({"call": "$response.body#/0/call"}, ("DELETE", "/calls/{call}/slot")),
)
async def calls(
    services: Served,
    request: Request,
    tenant: ForTenant,
    after: CallAfter | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List live calls, the oldest first."""
    last = None if after is None else _call_key(after)
    some = await services.calls.calls(tenant, last, limit)
    return await page(
        request, some, limit, lambda one: f"{one.started_at.isoformat()}~{one.call}", Call
    )


@router.delete("/calls/{call}/slot", response_model=Call, openapi_extra=NEEDS_DAEMON)
async def release(services: Served, actor: Actor, call: str) -> Response:
    """Release the slot of a live call and show the call; its channels continue."""
    return await written(await services.calls.release(call, actor), Call)


@router.get("/decisions", response_model=list[Decision])
async def decisions(
    services: Served,
    tenant: ForTenant,
    request: Request,
    since: Instant | None = None,
    refused: bool = False,  # noqa: FBT001 - a query parameter
    after: DecisionKey | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List admission decisions, the newest first; `refused` limits them to refusals."""
    before = None if after is None else _decision_key(after)
    wanted = DecisionQuery(tenant, since, refused, before, limit)
    rows = [{"id": one.id, **plain(one.record)} for one in await services.calls.decisions(wanted)]
    return await page(request, rows, limit, lambda row: f"{row['at'].isoformat()}~{row['id']}")


@router.get(
    "/tenants/{tenant}/limits", response_model=dict[str, LimitCheck], openapi_extra=NEEDS_DAEMON
)
async def limits(services: Served, tenant: str) -> Response:
    """Show a tenant's limits of calls and legs, by name, against what it holds now."""
    found = await services.calls.limits(tenant)
    return await written({name: shaped(LimitCheck, one) for name, one in found.items()})


@router.get(
    "/tenants/{tenant}/limits/{limit}", response_model=LimitCheck, openapi_extra=NEEDS_DAEMON
)
async def limit(services: Served, tenant: str, limit: str) -> Response:
    """Show one limit of a tenant: whether there may be one more, and how many."""
    found = await services.calls.limits(tenant)
    if limit not in found:
        raise NotFoundError(f"no limit {limit!r}: expected one of {', '.join(found)}")
    return await written(found[limit], LimitCheck)


@router.get("/usage", response_model=list[Usage])
async def usage(
    services: Served,
    request: Request,
    tenant: ForTenant,
    month: Month | None = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """Report answered trunk legs by tenant, in the period that begins in a month (now: none)."""
    rows = await services.calls.usage.report(tenant, month, after, limit)
    return await page(request, rows, limit, lambda row: row.tenant or UNOWNED, Usage)


@router.get("/usage/unowned", response_model=list[TrunkLeg])
async def unowned(
    services: Served,
    request: Request,
    after: LegAfter | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List answered legs that belong to no tenant, the newest first."""
    rows = await services.calls.usage.unowned(_part(after, limit))
    return await page(request, rows, limit, _place, TrunkLeg)


@router.get("/usage/estimated", response_model=list[EstimatedLeg])
async def estimated(
    services: Served,
    request: Request,
    tenant: ForTenant,
    month: Month | None = None,
    after: LegAfter | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List legs with an unseen answer or end, the newest first."""
    rows = await services.calls.usage.estimated(tenant, month, _part(after, limit))
    return await page(request, rows, limit, _place, EstimatedLeg)


@router.put("/usage/legs/{leg}/tenant", response_model=TrunkLeg)
async def assign(services: Served, actor: Actor, leg: str, owner: LegOwner) -> Response:
    """Assign a leg without a tenant to a tenant."""
    assigned = await services.calls.usage.assign(leg, owner.tenant, actor)
    return await written(assigned, TrunkLeg)
