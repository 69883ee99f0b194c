"""The HTTP endpoints reachable from outside the machine: metrics, health, webhook, usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from pbxbilling.billing.facts import UsageResult
from pbxbilling.calls.views import StatusView
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.gateway_names import STRIPE, WEBHOOK_PATHS
from pbxbilling.web.limits import SCRAPES_MOST, WORK_MOST, Bound, BusyError, HttpWatch
from pbxbilling.web.usage import UsageAnswer, UsageEndpoint


class StatusSource(Protocol):
    """Reports the daemon's status, for `/readyz`."""

    def status(self) -> StatusView:
        """Return the current status."""
        ...


class MetricsSource(Protocol):
    """Collects the metrics."""

    async def scrape(self) -> bytes:
        """Return the body of a scrape."""
        ...


class EndpointAnswer(Protocol):
    """The answer to a webhook request."""

    @property
    def status(self) -> int:
        """HTTP status code."""
        ...

    @property
    def text(self) -> str:
        """One line for a person who reads the answer."""
        ...


class WebhookEndpoint(Protocol):
    """Receives the events of a payment gateway."""

    @property
    def limit(self) -> int:
        """Size of the largest body accepted, in bytes."""
        ...

    def oversized(self) -> EndpointAnswer:
        """Return the answer to a larger body."""
        ...

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> EndpointAnswer:
        """Take a complete body with its headers, one of which is the signature."""
        ...


def public_app(
    live: StatusSource,
    metrics: MetricsSource,
    watch: HttpWatch,
    webhook: WebhookEndpoint | None = None,
    usage: UsageEndpoint | None = None,
) -> FastAPI:
    """Build the application that is reachable from outside the machine."""
    app = FastAPI(title="pbxbilling", docs_url=None, redoc_url=None, openapi_url=None)
    scrapes = Bound("metrics", SCRAPES_MOST, watch)
    events = Bound("webhook", WORK_MOST, watch)

    @app.exception_handler(ClientDisconnect)
    async def left(_request: Request, _left: ClientDisconnect) -> Response:
        return Response(status_code=400)  # the client has gone: nothing is sent

    @app.exception_handler(BusyError)
    async def busy(_request: Request, _busy: BusyError) -> Response:
        return Response(
            "busy: try again\n", 503, headers={"Retry-After": "1"}, media_type="text/plain"
        )

    @app.get("/metrics")
    async def scrape() -> Response:
        with scrapes.entered():
            body = await metrics.scrape()
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz")
    async def healthy() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def ready() -> Response:
        status = live.status()
        return Response(
            orjson.dumps(_readiness(status)),
            200 if status.ready else 503,
            media_type="application/json",
        )

    @app.post(WEBHOOK_PATHS[STRIPE])
    async def receive(request: Request) -> Response:
        if webhook is None:
            return Response(
                "Stripe is not enabled: set enabled = true under [stripe]\n",
                503,
                media_type="text/plain",
            )
        answer = await _received(webhook, request, events)
        return Response(f"{answer.text}\n", answer.status, media_type="text/plain")

    if usage is not None:
        _take_usage(app, usage, Bound("usage", WORK_MOST, watch))

    return app


def _take_usage(app: FastAPI, usage: UsageEndpoint, bound: Bound) -> None:
    @app.post("/api/v1/usage")
    async def count_usage(request: Request) -> Response:
        answer = await _count_usage(usage, request, bound)
        return Response(answer.body, answer.status, media_type="application/json")


def _readiness(status: StatusView) -> dict[str, Any]:
    return {
        "ready": status.ready,
        "pbxes": {
            pbx.name: {
                "ready": pbx.ready,
                "connected": pbx.connected,
                "reconciled": pbx.reconciled,
                "stale": pbx.stale,
                "fault": pbx.fault,
            }
            for pbx in status.pbxes
        },
        "store": {
            "ready": status.store.ready,
            "pending": status.store.pending,
            "fault": status.store.fault,
        },
    }


async def _count_usage(usage: UsageEndpoint, request: Request, bound: Bound) -> UsageAnswer:
    """Count the units of a request; without a valid token, its body is not read."""
    address = request.client.host if request.client else ""
    with bound.entered():
        try:
            found = await usage.principal_of(request.headers.get("Authorization", ""), address)
        except StoreError as fault:
            return usage.refuse(UsageResult.NOT_KEPT, str(fault))
    if found is None:
        return usage.refuse(UsageResult.UNAUTHORIZED, "the token is missing or wrong")
    if (forbidden := usage.why_not(found)) is not None:
        return usage.refuse(UsageResult.FORBIDDEN, forbidden)
    body = await _body(request, usage.limit)
    if body is None:
        return usage.refuse(UsageResult.OVERSIZED, f"more than {usage.limit} bytes")
    with bound.entered():
        return await usage.receive(body, found)


async def _body(request: Request, limit: int) -> bytes | None:
    """Read a body; return None, without reading on, if it exceeds `limit` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def _received(webhook: WebhookEndpoint, request: Request, bound: Bound) -> EndpointAnswer:
    body = await _body(request, webhook.limit)
    if body is None:
        return webhook.oversized()
    with bound.entered():
        return await webhook.receive(body, request.headers)
