"""The API does what its document says: every operation, by a peer that reads only the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.people.second_factor import step_of
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.web.actor import GRANT, PRINCIPAL
from rig.openapi import document
from rig.waiting import patience_s, until
from tests.support.daemon.storefront import PRICE, Storefront

pytestmark = pytest.mark.system

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {
    operation.label: operation
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
    and (operation := found.ok()).path != "/api/v1/live"  # a stream without an end
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
PASSWORD = "a long enough one"
ACCOUNTS = f"""
[plan.free]
meters = {{ words = {{ per = 1000, price = "0.50", name = "Words" }} }}
[plan.pro]
stripe_prices = {{ flat = "{PRICE}" }}
[plan.other]
[tenant.acme]
plan = "free"
accountcodes = ["acme"]
[tenant.caller]
plan = "free"
accountcodes = ["caller"]
[tenant.buyer]
plan = "free"
[tenant.gone]
plan = "free"
status = "cancelled"
"""
_NUMBERS = count(1)


@dataclass
class Fit:
    """What makes an operation succeed."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    as_user: bool = False


class Api:
    """The admin socket, as an operator and as a user."""

    def __init__(self, shop: Storefront) -> None:
        self.shop = shop
        transport = httpx.HTTPTransport(uds=str(shop.site.socket))
        self.client = httpx.Client(
            transport=transport, base_url="http://daemon", timeout=patience_s(30)
        )
        self.user = self.made("/users", email=mail(), role="admin", password=PASSWORD)
        self.token = self.made("/tokens", name="t", scopes=["admin"])["id"]
        self.made("/roles", name="night", permissions=["calls.read"])
        self.made("/tenants/acme/users", email="own@acme.example", role="tenant_user")

    def made(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/api/v1{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def as_user(self) -> dict[str, str]:
        """Return the headers of a user who has shown the password once more."""
        headers = {PRINCIPAL: f"user {self.user['id']}"}
        proof = {"password": PASSWORD}
        answer = self.client.post("/api/v1/me/step-up", json=proof, headers=headers)
        return {**headers, GRANT: answer.json()["grant"]}

    def fit(self, label: str) -> Fit:
        """Return what makes an operation succeed, from what there is."""
        person = {"email": self.user["email"]}
        own = {"email": "own@acme.example"}
        reference = f"ref-{next(_NUMBERS)}"
        fits: dict[str, Callable[[], Fit]] = {
            "PUT /api/v1/accounts": lambda: Fit(body=file("[plan.more]\n", "a.toml")),
            "PUT /api/v1/accounts/tenants.csv": lambda: Fit(
                body=file("tenant,plan\nmore,free\n", "t.csv")
            ),
            "POST /api/v1/adoption": lambda: Fit(body={"rows": [], "dry_run": True}),
            "POST /api/v1/adoption/rows.csv": lambda: Fit(
                body={**file("tenant,subscription,customer\n", "r.csv"), "dry_run": True}
            ),
            "DELETE /api/v1/calls/{call}/slot": lambda: Fit({"call": self.live_call()}),
            "GET /api/v1/figures/differences": lambda: Fit(query={"month": "2026-01"}),
            "GET /api/v1/records": lambda: Fit(query={"tenant": "acme"}),
            "PUT /api/v1/me/password": lambda: Fit(body={"password": PASSWORD}, as_user=True),
            "POST /api/v1/me/second-factor": lambda: Fit(as_user=True),
            "DELETE /api/v1/me/second-factor": lambda: Fit(as_user=True),
            "PUT /api/v1/me/second-factor": lambda: Fit(body=self.offered(), as_user=True),
            "POST /api/v1/me/recovery": lambda: Fit(body=self.recovery(), as_user=True),
            "POST /api/v1/me/step-up": lambda: Fit(body={"password": PASSWORD}, as_user=True),
            "POST /api/v1/roles": lambda: Fit(
                body={"name": f"role{next(_NUMBERS)}", "permissions": ["calls.read"]}
            ),
            "GET /api/v1/roles/{role}": lambda: Fit({"role": "night"}),
            "PUT /api/v1/roles/{role}": lambda: Fit(
                {"role": "night"}, body={"permissions": ["usage.read"]}
            ),
            "DELETE /api/v1/roles/{role}": lambda: Fit({"role": self.role()}),
            "PUT /api/v1/subscriptions/{subscription}/tenant": lambda: Fit(
                {"subscription": self.subscription()}, body={"tenant": "t1"}
            ),
            "POST /api/v1/tenants/{tenant}/checkout": lambda: Fit(
                {"tenant": "buyer"}, body={"plan": "pro"}
            ),
            "POST /api/v1/tenants/{tenant}/portal": lambda: Fit({"tenant": "t0"}, body={}),
            "POST /api/v1/tenants/{tenant}/subscription/cancellation": lambda: Fit(
                {"tenant": "t0"}, body={"now": False}
            ),
            "DELETE /api/v1/tenants/{tenant}/subscription/cancellation": lambda: Fit(
                {"tenant": "t0"}
            ),
            "POST /api/v1/tenants/{tenant}/one-offs": lambda: Fit(
                body={"kind": "fee", "amount": "1.00", "reason": "x"}
            ),
            "POST /api/v1/tenants/{tenant}/plan-changes": lambda: Fit(
                body={"plan": "other", "dry_run": True}
            ),
            "DELETE /api/v1/tenants/{tenant}/personal-data": lambda: Fit({"tenant": "gone"}),
            "PUT /api/v1/tenants/{tenant}/trial": lambda: Fit(body={"until": "2027-01-31"}),
            "GET /api/v1/tenants/{tenant}/limits/{limit}": lambda: Fit({"limit": "max_calls"}),
            "POST /api/v1/tenants/{tenant}/users": lambda: Fit(
                body={"email": mail(), "role": "tenant_user"}
            ),
            "PUT /api/v1/tenants/{tenant}/users/{email}/password": lambda: Fit(
                own, body={"password": PASSWORD}
            ),
            "PUT /api/v1/tenants/{tenant}/users/{email}/exclusion": lambda: Fit(own),
            "DELETE /api/v1/tenants/{tenant}/users/{email}/exclusion": lambda: Fit(own),
            "POST /api/v1/tokens": lambda: Fit(body={"name": "x", "scopes": ["calls.read"]}),
            "DELETE /api/v1/tokens/{token}": lambda: Fit({"token": self.token}),
            "POST /api/v1/usage": lambda: Fit(
                body={"tenant": "acme", "meter": "words", "units": 1, "reference": reference}
            ),
            "PUT /api/v1/usage/legs/{leg}/tenant": lambda: Fit(
                {"leg": self.unowned_leg()}, body={"tenant": "acme"}
            ),
            "GET /api/v1/usage-events/periods": lambda: Fit(query={"month": "2026-01"}),
            "POST /api/v1/usage-invoices": lambda: Fit(body={"month": "2026-01"}),
            "POST /api/v1/users": lambda: Fit(body={"email": mail(), "role": "admin"}),
            "PUT /api/v1/users/{email}/password": lambda: Fit(person, body={"password": PASSWORD}),
            "PUT /api/v1/users/{email}/exclusion": lambda: Fit(own),
            "DELETE /api/v1/users/{email}/exclusion": lambda: Fit(own),
            "GET /api/v1/problems/{code}": lambda: Fit({"code": "invalid"}),
            "GET /api/v1/plans/{plan}": lambda: Fit({"plan": "free"}),
        }
        found = fits.get(label, Fit)()
        return Fit({"tenant": "acme", **found.path}, found.query, found.body, found.as_user)

    def offered(self) -> dict[str, str]:
        """Return a secret for a second factor with a code of it."""
        offer = self.client.post("/api/v1/me/second-factor", headers=self.as_user()).json()
        code = PyOtp().code(offer["secret"], step_of(SystemClock().now()))
        return {"secret": offer["secret"], "code": code}

    def recovery(self) -> dict[str, str]:
        """Put a second factor in force; return one of the codes for a lost phone."""
        headers = self.as_user()
        path = "/api/v1/me/second-factor"
        codes = self.client.put(path, json=self.offered(), headers=headers).json()
        return {"code": codes["recovery_codes"][0]}

    def live_call(self) -> str:
        self.shop.site.call("caller", ring_s=0, talk_s=300)
        calls = until(lambda: self.client.get("/api/v1/calls").json(), "a call is live")
        return str(calls[0]["call"])

    def unowned_leg(self) -> str:
        self.shop.site.call("stranger", ring_s=0, talk_s=0.1)
        legs = until(lambda: self.client.get("/api/v1/usage/unowned").json(), "a leg is nobody's")
        return str(legs[0]["leg"])

    def role(self) -> str:
        name = f"role{next(_NUMBERS)}"
        self.made("/roles", name=name, permissions=["calls.read"])
        return name

    def subscription(self) -> str:
        return str(self.client.get("/api/v1/subscriptions").json()[0]["subscription"])

    def send(self, label: str, fit: Fit) -> httpx.Response:
        operation = OPERATIONS[label]
        url = operation.path.format_map(_Any(fit.path))
        headers = self.as_user() if fit.as_user else {}
        body = {} if fit.body is None and operation.body else fit.body
        return self.client.request(
            operation.method.upper(), url, params=fit.query, json=body, headers=headers
        )


class _Any(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "none"


def mail() -> str:
    return f"user{next(_NUMBERS)}@provider.example"


def file(text: str, source: str) -> dict[str, Any]:
    return {"text": text, "source": source}


@contextmanager
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Start a daemon with tenants, one of which has bought a subscription."""
    with Storefront(tmp_path_factory.mktemp("described")) as shop:
        pages = "".join(
            f'{key} = "https://shop.example/{key}"\n'
            for key in ("success_url", "cancel_url", "portal_return_url")
        )
        shop.site.sections += pages
        shop.site.write_config()
        shop.restart()
        shop.site.apply(ACCOUNTS)
        shop.buyer().buys()
        shop.settle()
        api = Api(shop)
        try:
            yield api
        finally:
            api.client.close()
            shop.site.hang_up()


@pytest.fixture
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return what no other test has changed: nearly every operation changes something."""
    with site(tmp_path_factory) as api:
        yield api


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with site(tmp_path_factory) as api:
        yield api


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return what is there for requests of any kind, in any order."""
    with site(tmp_path_factory) as api:
        yield api


def test_nearly_every_operation_succeeds_and_answers_as_described(untouched: Api) -> None:
    failed = {}
    for label, operation in OPERATIONS.items():
        fit = untouched.fit(label)
        answer = untouched.send(label, fit)
        if answer.status_code != 200:
            failed[label] = (answer.status_code, answer.text[:200])
        path = {name: fit.path.get(name, "none") for name in re.findall(r"{(\w+)}", operation.path)}
        operation.Case(path_parameters=path).validate_response(answer, checks=CHECKS)
    assert len(failed) <= len(OPERATIONS) * 0.05, failed


def links() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield each link of the document: its operation, the one it leads to, and the values."""
    for label, operation in OPERATIONS.items():
        answer = operation.definition.raw["responses"]["200"]
        for link in answer.get("links", {}).values():
            _, path, method = link["operationRef"].removeprefix("#/").split("/")
            yield label, f"{method.upper()} {path.replace('~1', '/')}", link["parameters"]


@pytest.mark.parametrize(("source", "target", "values"), sorted(links(), key=str))
def test_a_link_leads_to_what_the_answer_is_about(
    source: str, target: str, values: Mapping[str, str], linked: Api
) -> None:
    if source.endswith("/calls"):
        linked.live_call()
    fit, onwards = linked.fit(source), linked.fit(target)
    answer = linked.send(source, fit)
    assert answer.status_code == 200, answer.text
    found = {name: value_of(told, answer, fit) for name, told in values.items()}
    inside = {name: value for name, value in found.items() if f"{{{name}}}" in target}
    query = {name: value for name, value in found.items() if name not in inside}
    path = {**onwards.path, **inside}
    followed = linked.send(target, replace(onwards, path=path, query={**onwards.query, **query}))
    assert followed.status_code == 200, followed.text


def value_of(told: str, answer: httpx.Response, fit: Fit) -> str:
    """Return what an expression of OpenAPI means."""
    if told.startswith("$request.path."):
        return fit.path[told.removeprefix("$request.path.")]
    found = answer.json()
    for part in told.removeprefix("$response.body#/").split("/"):
        found = found[int(part) if isinstance(found, list) else part]
    return str(found)


def test_any_order_of_operations_that_the_links_allow_is_answered_as_described(
    described: Api,
) -> None:
    class Followed(SCHEMA.as_state_machine()):  # type: ignore[misc]
        def call(self, case: Any, **_: Any) -> Response:
            return Response.from_any(sent(described, case))

        def validate_response(self, response: Response, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Followed,
        settings=settings(
            max_examples=15,
            stateful_step_count=8,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_whatever_fits_the_document_gets_an_answer_that_does(label: str, described: Api) -> None:
    """Half of them about what is there, half about anything."""
    operation = OPERATIONS[label]
    there = described.fit(label).path if "{" in operation.path else {}
    known = {**there, "email": "own@acme.example", "role": "none"}

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answered(case: Any) -> None:
        if next(_NUMBERS) % 2:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        case.validate_response(sent(described, case), checks=CHECKS)

    answered()


def sent(described: Api, case: Any) -> httpx.Response:
    """Send what the peer has made over the admin socket."""
    made = case.as_transport_kwargs(base_url="http://daemon")
    headers = dict(made.get("headers") or {})
    return described.client.request(
        made["method"],
        made["url"],
        params=made.get("params"),
        json=made.get("json"),
        content=None if made.get("json") is not None else made.get("data"),
        headers={key: value for key, value in headers.items() if value.isascii()},
    )
