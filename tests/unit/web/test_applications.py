import asyncio
from dataclasses import replace

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.take_figures import Figures
from pbxbilling.calls.views import StatusView, StoreView
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.facts import Fact
from pbxbilling.payments.compare import Comparison
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.web.actor import Peers
from pbxbilling.web.api import always, api
from pbxbilling.web.api.services import Services as CommandDesk
from pbxbilling.web.public import public_app
from tests.support.accounts.administration import administrations
from tests.support.billing.figures import Unscraped
from tests.support.billing.statements import billing_desk
from tests.support.identity.tokens import identity_of
from tests.support.kernel.clock import Clock
from tests.support.privacy.purges import NoMinutes, forgetter_of, purge_of
from tests.support.store.memory_store import MemoryStore
from tests.support.web.turned_away import TurnedAway

WRITING = StoreView(0)
CSV = "/api/v1/accounts/tenants.csv"


class Shown(Unscraped):
    def __init__(self, *, reconciled: bool, store: StoreView) -> None:
        super().__init__(connected=reconciled)
        self.store = store

    def status(self) -> StatusView:
        return replace(super().status(), store=self.store)

    async def scrape(self) -> bytes:
        return b"pbxbilling_up 1\n"


def public(*, reconciled: bool = True, store: StoreView = WRITING) -> httpx.AsyncClient:
    shown = Shown(reconciled=reconciled, store=store)
    transport = httpx.ASGITransport(app=public_app(shown, shown, TurnedAway()))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_ready_while_every_pbx_is_reconciled() -> None:
    async with public() as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


async def test_not_ready_names_the_pbx_that_is_not() -> None:
    async with public(reconciled=False) as client:
        answer = await client.get("/readyz")
        assert (await client.get("/healthz")).status_code == 200
    assert answer.status_code == 503
    assert answer.json()["pbxes"]["pbx1"]["reconciled"] is False


async def test_not_ready_says_why_the_store_cannot_write() -> None:
    async with public(store=StoreView(12, "the disk is full")) as client:
        answer = await client.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["ready"], body["pbxes"]["pbx1"]["ready"]) == (503, False, True)
    assert body["store"] == {"ready": False, "pending": 12, "fault": "the disk is full"}


async def test_metrics_are_scraped_and_administration_is_not_here() -> None:
    async with public() as client:
        assert (await client.get("/metrics")).text == "pbxbilling_up 1\n"
        assert (await client.get("/api/v1/tenants")).status_code == 404
        assert (await client.post("/api/stripe/webhook")).status_code == 503


def of_user(uid: int, app: ASGIApp) -> ASGIApp:
    """Return the application as seen behind a Unix socket that this user has opened."""

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"peer_uid": uid}}, receive, send)

    return known


class Services:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.registry = Registry([Plan("p")], [Tenant("acme", "p")])
        self.facts: list[Fact] = []
        writer = AccountWriter(
            self.store, self.registry, Clock(), self.facts.append, asyncio.Lock()
        )
        administration, calls = administrations(self.store, writer, Clock())
        in_force = InForce(Policy(), self.registry)
        daily = DailyCheck(writer, self.store.subscription_store, self.store, Clock(), in_force)
        billing = billing_desk(self.store, writer, Clock())
        figures = Figures(
            self.store.subscription_store,
            self.store.statement_store,
            in_force,
            Clock(),
        )
        comparison = Comparison(self.registry, self.store.statement_store, NoMinutes())
        forgetter = forgetter_of(self.store, writer, Clock())
        purge = purge_of(self.store, Clock(), self.facts)
        app = of_user(
            0,
            api(
                always(
                    CommandDesk(
                        administration,
                        calls,
                        daily,
                        billing,
                        purge,
                        figures,
                        forgetter,
                        comparison,
                        identity_of(self.store, self.registry, Clock()),
                    )
                ),
                Peers(SignIn(self.store.identity_store, Clock()), "nobody").principal_of,
            ),
        )
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def put(self, path: str, **given: object) -> httpx.Response:
        async with self.client as client:
            return await client.put(f"/api/v1{path}", json=given)


async def test_a_suspension_is_in_force_audited_and_published() -> None:
    services = Services()
    answer = await services.put("/tenants/acme/suspension")
    assert answer.status_code == 200
    assert answer.json()["tenant"]["status"] == "suspended"
    assert "still pass" in answer.json()["notes"][0]
    assert services.registry.tenants["acme"].blocks
    (audit,) = await services.store.audit()
    assert (audit.actor, audit.action, audit.subject) == ("root", "suspend", "tenant acme")
    assert [type(fact) for fact in services.facts] == [AccountsChanged, StatusChanged]


async def test_a_file_is_applied_whole_or_not_at_all() -> None:
    services = Services()
    text = '[plan.q]\nmax_calls = 3\n[tenant.new]\nplan = "missing"\n'
    answer = await services.put("/accounts", text=text, source="a.toml", dry_run=False)
    assert answer.status_code == 422
    assert "missing" in answer.text
    assert "q" not in services.registry.plans


async def test_tenants_are_exported_and_imported_with_an_audit_row_each() -> None:
    services = Services()
    services.registry.put_tenant(Tenant("globex", "p", name="=1+1"))
    async with services.client as client:
        text = (await client.get(CSV)).json()
        given = {"text": text.replace("'=1+1", "Globex"), "source": "t.csv", "dry_run": True}
        tried = (await client.put(CSV, json=given)).json()
        assert services.store.commits == []
        done = (await client.put(CSV, json=given | {"dry_run": False})).json()
        again = (await client.put(CSV, json=given)).json()
    assert tried == done
    assert [(one["subject"], one["kind"]) for one in done] == [
        ("tenant acme", "unchanged"),
        ("tenant globex", "changed"),
    ]
    assert {one["kind"] for one in again} == {"unchanged"}
    assert services.store.tenants["globex"].name == "Globex"
    (row,) = services.store.audited
    assert (row.action, row.subject) == ("import", "tenant globex")
    assert (row.before, row.after) == ({"name": "=1+1"}, {"name": "Globex"})


async def test_an_import_is_whole_or_nothing_and_says_where_it_is_wrong() -> None:
    services = Services()
    text = "tenant,plan\nnew,p\nother,gold\n"
    answer = await services.put("/accounts/tenants.csv", text=text, source="t.csv", dry_run=False)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("t.csv:3: tenant other: plan: 'gold' is unknown")
    assert (services.store.commits, list(services.registry.tenants)) == ([], ["acme"])


async def test_plans_are_listed_in_their_order_with_who_has_them() -> None:
    services = Services()
    services.registry.put_plan(Plan("first", sort_order=-1, active=False))
    async with services.client as client:
        plans = (await client.get("/api/v1/plans")).json()
        detail = (await client.get("/api/v1/plans/p")).json()
        tenants = (await client.get("/api/v1/tenants")).json()
        unknown = await client.get("/api/v1/plans/q")
    assert [(one["plan"], one["tenants"], one["active"]) for one in plans] == [
        ("first", 0, False),
        ("p", 1, True),
    ]
    assert (detail["plan"], detail["tenants"]) == (plans[1], ["acme"])
    assert tenants[0]["plan_active"] is True
    assert (unknown.status_code, "`pbxbilling plans`" in unknown.text) == (404, True)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/calls", 503, "needs_daemon"),
        ("DELETE", "/calls/x/slot", 503, "needs_daemon"),
        ("GET", "/usage?tenant=nobody", 404, "not_found"),
        ("GET", "/usage?month=november", 422, "invalid"),
        ("GET", "/decisions?since=soon", 422, "invalid"),
        ("PUT", "/usage/legs/x/tenant", 422, "invalid"),
        ("POST", "/tenants/acme/portal", 422, "refused"),
        ("PUT", "/tenants/acme/trial", 422, "invalid"),
    ],
)
async def test_what_cannot_be_done_has_a_status_a_code_and_a_sentence(
    method: str, path: str, status: int, code: str
) -> None:
    async with Services().client as client:
        answer = await client.request(method, f"/api/v1{path}")
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code)
    assert said["detail"]


async def test_a_fault_of_the_program_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services()

    async def fails(_: object) -> None:
        raise ValueError("a programming fault")

    monkeypatch.setattr(services.store, "decisions", fails)
    async with services.client as client:
        with pytest.raises(ValueError, match="a programming fault"):
            await client.get("/api/v1/decisions")
