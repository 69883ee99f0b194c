"""What monitoring asks: metrics and health."""

from __future__ import annotations

from typing import Protocol

import orjson
from fastapi import FastAPI, Response

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


def public_app(live: Shown, metrics: Scraped) -> FastAPI:
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
        }
        return Response(
            orjson.dumps(body), 200 if status.ready else 503, media_type="application/json"
        )

    @app.post("/api/stripe/webhook")
    async def webhook() -> Response:
        return Response("Stripe is not enabled\n", 503, media_type="text/plain")

    return app
