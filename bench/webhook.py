"""A webhook's answer against /healthz, and the time from the answer to the next call.

The whole daemon with its database on disk, beside our own fake of Stripe and a virtual PBX. Every
post is a new event, signed, verified, committed and answered before the next one goes; the
counterpart asks /healthz of the same daemon over a connection of the same kind, and both times are
the client's. While Stripe's API is slow it accepts requests and never answers them.

A subscription's state is in force when the hook judges by it: calls are placed one after the other
from the webhook's 200 on, and the time ends with the first one that gets the new verdict. Its
counterpart is one such call, so the difference is the work behind the webhook.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import PAIRS, Row, Times, alternating, row
from rig.fakestripe import Fault
from rig.fakestripe.hostile import Post
from rig.waiting import until
from tests.support.daemon.storefront import HOOK, Buyer, Storefront

POSTS = 50
BUYERS = 10
TURNS = 2  # each way, in one round
ANSWER_MS = 100.0
IN_FORCE_MS = 1000.0
LIMIT = 1.0  # nothing is as quick as /healthz: what counts is the difference

STATES: tuple[tuple[str, Fault | None], ...] = (
    ("up", None),
    ("down", Fault.DOWN),
    ("slow", Fault.SLOW),
)


class Desk:
    """Sends requests to one daemon, and times them."""

    def __init__(self, shop: Storefront) -> None:
        self._shop = shop
        self._fake = shop.fake
        self._numbers = count()
        self._buyers = cycle([shop.buyer().buys() for _ in range(BUYERS)])
        shop.settle()

    def break_api(self, fault: Fault) -> None:
        """Make Stripe's API fail."""
        self._fake.break_api(fault)

    def webhook(self) -> Times:
        """Post new events, one after the other."""
        return self._timed("POST", HOOK, [self._post(next(self._buyers)) for _ in range(POSTS)])

    def healthz(self) -> Times:
        """Ask /healthz as many times."""
        return self._timed("GET", "/healthz", [Post(b"", {})] * POSTS)

    def in_force(self) -> float:
        """Return the milliseconds from the 200 to the first call judged by the new state."""
        buyer = self._shop.buyer().buys()
        self._shop.fake.webhooks.settle()
        until(lambda: not self._shop.unfinished()["waiting"], "nothing waits", 60.0)
        taken = []
        for status, word in [("unpaid", "REFUSE"), ("active", "ADMIT")] * TURNS:
            self._fake.clock.advance(1)  # Stripe's clock has whole seconds, which order its events
            self._timed("POST", HOOK, [self._post(buyer, status)])
            taken.append(until_verdict(buyer, word))
        return statistics.median(taken)

    def one_call(self) -> float:
        """Return the milliseconds of a call that is only judged."""
        buyer = next(self._buyers)
        return statistics.median(until_verdict(buyer, "ADMIT") for _ in range(2 * TURNS))

    def _post(self, buyer: Buyer, status: str = "active") -> Post:
        """Return a post about a change that the fake does not send itself."""
        self._fake.webhooks.hold()
        told = {"tenant": buyer.slug, "number": str(next(self._numbers))}
        buyer.becomes(status, metadata=told)
        (event,) = self._fake.webhooks.lose()
        return self._fake.webhooks.post(event)

    def _timed(self, method: str, path: str, posts: list[Post]) -> Times:
        host, _, port = self._shop.site.http.rpartition(":")
        with closing(HTTPConnection(host, int(port), timeout=10)) as connection:
            taken = [_answered_in(connection, method, path, post) for post in posts]
        return Times.of(taken)


def _answered_in(connection: HTTPConnection, method: str, path: str, post: Post) -> float:
    began = time.perf_counter()
    connection.request(method, path, post.body or None, post.headers)
    answer = connection.getresponse()
    answer.read()
    taken = time.perf_counter() - began
    if answer.status != 200:
        msg = f"{method} {path} was answered {answer.status}: nothing of the row can be believed"
        raise RuntimeError(msg)
    return taken * 1e3


def until_verdict(buyer: Buyer, word: str) -> float:
    """Return the milliseconds until a call gets that verdict."""
    began = time.perf_counter()
    while buyer.verdict().word != word:
        pass
    return (time.perf_counter() - began) * 1e3


@contextmanager
def _desk() -> Iterator[Desk]:
    with TemporaryDirectory() as directory, Storefront(Path(directory)) as shop:
        yield Desk(shop)


def measure(pairs: int = PAIRS) -> list[Row]:
    """Return the rows of the table: API up, down and slow."""
    return [made for name, fault in STATES for made in _rows(name, fault, pairs)]


def _rows(name: str, fault: Fault | None, pairs: int) -> Iterator[Row]:
    with _desk() as desk:
        if fault is not None:
            desk.break_api(fault)
        answers = alternating(desk.webhook, desk.healthz, pairs)
        forces = alternating(desk.in_force, desk.one_call, pairs)
    for which in Times._fields:
        samples = [(getattr(ours, which), getattr(null, which)) for ours, null in answers]
        yield row(
            f"webhook to 200, Stripe's API {name}, {which}",
            samples,
            unit="ms",
            limit=LIMIT,
            within=ANSWER_MS,
        )
    yield row(
        f"200 to state in force, API {name}", forces, unit="ms", limit=LIMIT, within=IN_FORCE_MS
    )
