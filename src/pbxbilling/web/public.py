"""What monitoring asks: metrics and health."""

from __future__ import annotations

from typing import Protocol

import orjson
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from pbxbilling.services.views import StatusView


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

    async def receive(self, body: bytes, signature: str) -> Answered:
        """Take one whole body with what signs it."""
        ...


def public_app(live: Shown, metrics: Scraped, webhook: Received | None = None) -> FastAPI:
    """The application that may be reached from outside the machine."""
    app = FastAPI(title="pbxbilling", docs_url=None, redoc_url=None, openapi_url=None)

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
        body = {
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
        return Response(
            orjson.dumps(body), 200 if status.ready else 503, media_type="application/json"
        )

    @app.post("/api/stripe/webhook")
    async def receive(request: Request) -> Response:
        if webhook is None:
            return Response("Stripe is not enabled\n", 503, media_type="text/plain")
        try:
            answer = await _received(webhook, request)
        except ClientDisconnect:  # nobody is there to read an answer
            return Response(status_code=400)
        return Response(f"{answer.text}\n", answer.status, media_type="text/plain")

    return app


async def _received(webhook: Received, request: Request) -> Answered:
    """Read no more of a body than it may have."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > webhook.limit:
            return webhook.oversized()
    return await webhook.receive(bytes(body), request.headers.get("Stripe-Signature", ""))
