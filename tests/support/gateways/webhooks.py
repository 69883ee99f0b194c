"""A web server that stores posted bodies byte for byte, which checking a signature needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from rig.waiting import until


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST: the raw body and its Stripe-Signature header."""

    body: bytes
    signature: str

    @property
    def type(self) -> str:
        """The type of its event."""
        return str(orjson.loads(self.body)["type"])

    @property
    def about(self) -> str:
        """The id of the object that the event is about."""
        event = orjson.loads(self.body)
        return str(event["data"]["object"]["id"] if "data" in event else "")


@dataclass(slots=True)
class Receiver:
    """The deliveries so far, in order; `status` is the answer to give."""

    url: str = ""
    status: HTTPStatus = HTTPStatus.OK
    deliveries: list[Delivery] = field(default_factory=list)

    def await_type(
        self, wanted: str, count: int = 1, timeout_s: float = 10.0, about: str = ""
    ) -> Delivery:
        """Wait for delivery number `count` of an event type, about one object if given."""

        def nth() -> Delivery | None:
            found = [one for one in list(self.deliveries) if one.type == wanted]
            found = [one for one in found if about in ("", one.about)]
            return found[count - 1] if len(found) >= count else None

        return until(nth, f"{wanted} number {count} {about}", timeout_s)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a free loopback port until the end of the block."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.deliveries.append(Delivery(body, self.headers.get("Stripe-Signature", "")))
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Suppress the log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/api/stripe/webhook"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
