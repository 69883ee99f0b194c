"""What may be asked from outside the machine: metrics, health, the webhook, and usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from pbxbilling.billing.facts import UsageResult
from pbxbilling.calls.views import StatusView
from pbxbilling.web.usage import UsageAnswer, UsageEndpoint


class Shown(Protocol):
    """The daemon, as health tells of it."""

    def status(self) -> StatusView:
        """The daemon at this moment."""
        ...


class Scraped(Protocol):
    """Whoever has the metrics."""

    async def scrape(self) -> bytes:
        """The body of a scrape."""
        ...


class Answered(Protocol):
    """An answer of the webhook."""

    @property
    def status(self) -> int:
        """HTTP's."""
        ...

    @property
    def text(self) -> str:
        """A word for whoever looks."""
        ...


class Received(Protocol):
    """Whoever takes what the payment gateway sends."""

    @property
    def limit(self) -> int:
        """Bytes of the longest body."""
        ...

    def oversized(self) -> Answered:
        """The answer to a longer one."""
        ...

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Take one whole body with its headers: one of them signs it."""
        ...


def public_app(
    live: Shown,
    metrics: Scraped,
    webhook: Received | None = None,
    usage: UsageEndpoint | None = None,
) -> FastAPI:
    """The application that may be reached from outside the machine."""
    app = FastAPI(title="pbxbilling", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(ClientDisconnect)
    async def left(_request: Request, _left: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody is there to read an answer

    @app.get("/metrics")
    async def scrape() -> Response:
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

    @app.post("/api/stripe/webhook")
    async def receive(request: Request) -> Response:
        if webhook is None:
            return Response("Stripe is not enabled\n", 503, media_type="text/plain")
        answer = await _received(webhook, request)
        return Response(f"{answer.text}\n", answer.status, media_type="text/plain")

    @app.post("/api/v1/usage")
    async def count_usage(request: Request) -> Response:
        if usage is None:
            return Response("usage is not taken here\n", 503, media_type="text/plain")
        answer = await _count_usage(usage, request)
        return Response(answer.body, answer.status, media_type="application/json")

    return app


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


async def _count_usage(usage: UsageEndpoint, request: Request) -> UsageAnswer:
    """Nothing is read of whoever has no token."""
    if not usage.lets_in(request.headers.get("Authorization", "")):
        return usage.refuse(UsageResult.UNAUTHORIZED, "the token is not good")
    body = await _body(request, usage.limit)
    if body is None:
        return usage.refuse(UsageResult.OVERSIZED, f"more than {usage.limit} bytes")
    return await usage.receive(body)


async def _body(request: Request, limit: int) -> bytes | None:
    """Read no more of a body than it may have; None for a longer one."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def _received(webhook: Received, request: Request) -> Answered:
    body = await _body(request, webhook.limit)
    if body is None:
        return webhook.oversized()
    return await webhook.receive(body, request.headers)
