"""`pbxbilling web`: who may see what, with the daemon up and away, and what calls notice of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from signal import SIGKILL
from typing import Any, Self

import httpx
import pytest

from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

ACTIVE = "/tenants/globex/suspension"
ACCOUNTS = """
[plan.two]
max_calls = 2
meters = { words = { per = 1000, price = "0.50", name = "Words" } }
[tenant.acme]
plan = "two"
accountcodes = ["acme"]
[tenant.globex]
plan = "two"
accountcodes = ["globex"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path_factory.mktemp("web")) as site:
        site.start()
        site.apply(ACCOUNTS)
        site.start_web()
        yield site


class Client:
    """A program with a token."""

    def __init__(self, site: VirtualSite, token: str) -> None:
        self._base = f"http://{site.web}/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        return httpx.request(
            method, self._base + path, headers=self.headers, timeout=patience_s(10), **how
        )

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.send("GET", path, params=query)


def client(site: VirtualSite, *words: str) -> Client:
    return Client(site, site.json("token", "add", "a program", *words)["token"])


@pytest.fixture(scope="module")
def operator(site: VirtualSite) -> Client:
    return client(site, "--scope", "admin")


@pytest.fixture(scope="module")
def acme(site: VirtualSite) -> Client:
    return client(site, "--scope", "admin", "--tenant", "acme")


def slugs(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["tenant"] for one in answer.json()]


def test_an_operators_token_lists_all_tenants(operator: Client) -> None:
    assert slugs(operator.get("/tenants")) == ["acme", "globex"]
    assert operator.get("/tenants/globex").status_code == 200


def test_a_tenants_token_sees_its_own_alone(acme: Client) -> None:
    assert slugs(acme.get("/tenants")) == ["acme"]
    assert acme.get("/tenants/acme").json()["audit"] == []
    hidden = acme.get("/tenants/globex")
    assert hidden.status_code == 404
    assert hidden.json()["detail"] == acme.get("/tenants/nobody").json()["detail"].replace(
        "nobody", "globex"
    )
    assert acme.get("/usage", tenant="globex").status_code == 404


def test_nobody_is_let_in_without_a_token_in_force(site: VirtualSite) -> None:
    made = site.json("token", "add", "soon gone", "--scope", "tenants.read")
    gone = Client(site, made["token"])
    assert gone.get("/tenants").status_code == 200
    site.says("token", "revoke", made["id"])
    for token in ("", "x", made["token"], made["token"][:-1] + "x"):
        assert Client(site, token).get("/tenants").status_code == 401


def test_a_missing_scope_is_named(site: VirtualSite) -> None:
    reader = client(site, "--scope", "tenants.read")
    for answer in (reader.get("/usage"), reader.send("PUT", "/tenants/acme/suspension")):
        assert answer.status_code == 403
    assert reader.get("/usage").json()["missing_scope"] == "usage.read"
    assert reader.send("POST", "/tokens", json={}).status_code == 403


def test_a_write_is_the_daemons_and_names_the_token(site: VirtualSite, operator: Client) -> None:
    assert operator.send("PUT", "/tenants/globex/suspension").status_code == 200
    (row, *_) = site.json("tenant", "show", "globex")["audit"]
    assert (row["action"], row["actor"]) == ("suspend", "token a program")
    assert "operator" in operator.get("/tenants/globex").json()["tenant"]["blocks"]
    assert operator.send("DELETE", "/tenants/globex/suspension").status_code == 200


def test_what_is_on_record_is_read_while_the_daemon_is_away(
    site: VirtualSite, operator: Client
) -> None:
    site.stop(SIGKILL)
    try:
        assert slugs(operator.get("/tenants")) == ["acme", "globex"]
        away = operator.send("PUT", "/tenants/globex/suspension")
        assert away.status_code == 503
        assert "the daemon does not run" in away.json()["detail"]
    finally:
        site.start()
    assert operator.send("PUT", "/tenants/globex/suspension").status_code == 200
    assert operator.send("DELETE", "/tenants/globex/suspension").status_code == 200


class Flood:
    """Programs that send as fast as they can, until it ends."""

    def __init__(self, *clients: Client) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(one,)) for one in clients]
        self.answers: Counter[int] = Counter()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(patience_s(30))

    def _send(self, client: Client) -> None:
        while not self._over.is_set():
            for method, path in (("GET", "/tenants"), ("GET", "/calls"), ("DELETE", ACTIVE)):
                try:
                    self.answers[client.send(method, path).status_code] += 1
                except httpx.TransportError:
                    self.answers[0] += 1


def test_no_hook_notices_that_the_process_is_flooded_and_killed(
    site: VirtualSite, operator: Client, acme: Client
) -> None:
    flooding = [operator, acme, Client(site, "pbxb_wrong"), operator, acme, Client(site, "")]
    try:
        with Flood(*flooding) as flood:
            for nth in range(20):
                if nth == 10:
                    site.stop_web(SIGKILL)
                judged = site.call("acme", talk_s=0.05).result(patience_s(10))
                assert judged.verdict.startswith("ADMIT|acme|outbound|ok")
        assert {200, 401, 0} <= flood.answers.keys()
    finally:
        site.start_web()


def test_live_calls_and_limits_are_the_daemons_as_its_stream_tells_them(
    site: VirtualSite, operator: Client, acme: Client
) -> None:
    """No request asks the daemon: it is told of each change, and a call is seen within seconds."""
    path = "/tenants/acme/limits/max_calls"
    until(lambda: operator.get("/status").status_code == 200, "the stream is there")
    assert operator.get(path).json() == {
        "allowed": True, "current": 0, "limit": 2, "remaining": 2,
    }  # fmt: skip
    for tenant in ("acme", "acme", "globex"):
        site.call(tenant, ring_s=0, talk_s=120)
    site.up(3)
    until(lambda: operator.get(path).json()["current"] == 2, "the calls are seen")
    assert operator.get(path).json() == {
        "allowed": False, "current": 2, "limit": 2, "remaining": 0,
    }  # fmt: skip
    asked = site.metric("pbxbilling_agi_sessions_total")
    until(lambda: len(operator.get("/calls").json()) == 3, "all of them are listed")
    shown = operator.get("/calls")
    assert {call["state"] for call in shown.json()} == {"up"}
    assert float(shown.headers["x-live-age"]) < 5
    assert shown.json() == site.json("calls")
    assert [call["tenant"] for call in acme.get("/calls").json()] == ["acme", "acme"]
    assert acme.get("/calls", tenant="globex").status_code == 404
    (own,) = acme.get("/tenants").json()
    assert (own["calls"], own["max_calls"]) == (2, 2)
    assert site.metric("pbxbilling_agi_sessions_total") == asked
    site.idle()
    until(lambda: operator.get("/calls").json() == [], "they are gone")


def test_what_is_live_is_not_guessed_while_the_daemon_is_away(
    site: VirtualSite, operator: Client
) -> None:
    site.stop(SIGKILL)
    try:
        until(lambda: operator.get("/calls").status_code == 503, "it is noticed", 30)
        assert operator.get("/calls").json()["code"] == "needs_daemon"
        assert operator.get("/tenants").json()[0]["calls"] is None
    finally:
        site.start()
    until(lambda: operator.get("/calls").status_code == 200, "it follows the new one")


def test_the_audit_trail_has_where_a_change_came_from_and_why(
    site: VirtualSite, operator: Client
) -> None:
    done = operator.send("PUT", "/tenants/globex/suspension", params={"reason": "invoice 12"})
    assert done.status_code == 200
    site.says("tenant", "activate", "globex", "--reason", "it was paid")
    lifted, set_ = operator.get("/audit", tenant="globex", limit=2).json()
    assert (set_["event"], set_["actor_type"], set_["actor"]) == (
        "tenant.suspended", "token", "token a program",
    )  # fmt: skip
    assert (set_["address"], set_["reason"]) == ("127.0.0.1", "invoice 12")
    assert set_["request"] == done.headers["x-request-id"]
    assert (lifted["event"], lifted["actor_type"]) == ("tenant.activated", "command")
    assert (lifted["reason"], lifted["address"]) == ("it was paid", "")
    rows = site.json("audit", "--tenant", "globex", "--event", "tenant.suspended")
    assert rows[0] == set_


def test_units_come_by_the_api_as_by_the_daemons_own_door(site: VirtualSite) -> None:
    counts = client(site, "--scope", "usage.write")
    units = {"tenant": "acme", "meter": "words", "units": 5, "reference": "r-1"}
    assert counts.send("POST", "/usage", json=units).json() == {"result": "counted"}
    again = httpx.post(
        f"http://{site.http}/api/v1/usage",
        json=units,
        headers=counts.headers,
        timeout=patience_s(10),
    )
    assert (again.status_code, again.json()) == (200, {"result": "known"})
    other = client(site, "--scope", "usage.write", "--tenant", "globex")
    assert other.send("POST", "/usage", json={**units, "reference": "r-2"}).status_code == 422
    reads = client(site, "--scope", "usage.read")
    assert reads.send("POST", "/usage", json=units).json()["missing_scope"] == "usage.write"


def test_a_suspended_tenants_program_reads_and_does_nothing(
    site: VirtualSite, operator: Client
) -> None:
    own = client(site, "--scope", "admin", "--tenant", "globex")
    units = {"tenant": "globex", "meter": "words", "units": 5, "reference": "r-3"}
    assert operator.send("PUT", "/tenants/globex/suspension").status_code == 200
    try:
        refused = own.send("POST", "/usage", json=units)
        assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
        assert "an operator has suspended it" in refused.json()["detail"]
        assert own.get("/tenants/globex").status_code == 200
    finally:
        assert operator.send("DELETE", "/tenants/globex/suspension").status_code == 200
    assert own.send("POST", "/usage", json=units).json() == {"result": "counted"}
