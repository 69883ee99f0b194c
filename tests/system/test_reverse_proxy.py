"""The server blocks of the guides: the webhook alone, and with it the API, each over TLS."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pbxbilling.runtime.clock import SystemClock
from rig import provision
from rig.nginx import Nginx
from rig.waiting import patience_s
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.gateways.stripe import bodies

pytestmark = pytest.mark.system

GUIDES = Path(__file__).parents[2] / "docs/guides"
NOWHERE = "http://127.0.0.1:1"


def block_of(guide: str) -> str:
    """Return the server block of a guide; skip where there is no nginx."""
    try:
        provision.nginx()
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no nginx: {reason}")
    block = re.search(r"```nginx\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
    assert block is not None
    return block[1]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Yield a client on the internet in front of a running daemon."""
    directory, block = tmp_path_factory.mktemp("proxied"), block_of("stripe.md")
    with VirtualSite(directory, sections=stripe_section(NOWHERE)) as site:
        site.start()
        with (
            Nginx(directory / "nginx", block, "YOUR.HOST", site.http) as nginx,
            httpx.Client(
                base_url=nginx.url, verify=ssl.create_default_context(cafile=nginx.certificate)
            ) as client,
        ):
            yield client


def test_a_signed_event_gets_through_as_it_came(outside: httpx.Client) -> None:
    body = bodies.event("customer.subscription.updated", bodies.subscription())
    header = bodies.signed(body, SystemClock().now(), SECRET)
    answer = outside.post(HOOK, content=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.text) == (200, "kept\n")


def test_a_forged_one_is_refused_by_the_daemon(outside: httpx.Client) -> None:
    answer = outside.post(HOOK, content=b"{}")
    assert (answer.status_code, answer.text) == (400, "the signature is not valid\n")


def test_a_long_one_does_not_even_get_there(outside: httpx.Client) -> None:
    answer = outside.post(HOOK, content=b"x" * (2 << 20))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
        ("GET", "/healthz", 404),
        ("GET", "/readyz", 404),
        ("POST", "/commands/status", 404),
        ("POST", f"{HOOK}/", 404),
        ("POST", f"{HOOK}/../../../metrics", 404),
        ("GET", HOOK, 403),
    ],
)
def test_nothing_else_is_there(outside: httpx.Client, method: str, path: str, status: int) -> None:
    assert outside.request(method, path).status_code == status


PASSWORD = "a long enough one"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VirtualSite, httpx.Client]]:
    """Yield a site whose API and webhook are behind one proxy, and a browser outside."""
    directory, block = tmp_path_factory.mktemp("both"), block_of("api.md")
    for name, secret in (("stripe.key", "sk_test_1"), ("stripe.webhook", SECRET)):
        (directory / name).touch(0o600)
        (directory / name).write_text(secret)
    stripe = f'[stripe]\nenabled = true\napi_base = "{NOWHERE}"\n'
    with VirtualSite(directory, sections=stripe) as site:
        nginx = Nginx(directory / "nginx", block, "YOUR.HOST", site.http, site.web)
        site.public_url, site.trusted_proxies = nginx.url, ["127.0.0.1/32"]
        site.write_config()
        site.start()
        password = directory / "password"
        password.write_text(PASSWORD)
        role = ("--role", "admin", "--password-file", str(password))
        site.says("user", "add", "ann@acme.example", *role)
        site.start_web()
        trust = ssl.create_default_context(cafile=nginx.certificate)
        with nginx, httpx.Client(base_url=nginx.url, verify=trust) as browser:
            yield site, browser


def test_a_browser_logs_in_through_the_proxy_and_keeps_its_cookie(
    both: tuple[VirtualSite, httpx.Client],
) -> None:
    _, browser = both
    form = {"email": "ann@acme.example", "password": PASSWORD}
    ours = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "203.0.113.7"}
    answer = browser.post("/api/v1/session", json=form, headers=ours, timeout=patience_s(20))
    assert answer.status_code == 200, answer.text
    assert browser.get("/api/v1/me").json()["name"] == "ann@acme.example"
    (session,) = browser.get("/api/v1/sessions").json()
    assert session["address"] == "127.0.0.1"  # the proxy's word, not the client's


def test_the_webhook_is_the_daemons_and_all_else_the_web_processs(
    both: tuple[VirtualSite, httpx.Client],
) -> None:
    _, browser = both
    body = bodies.event("customer.subscription.updated", bodies.subscription())
    header = bodies.signed(body, SystemClock().now(), SECRET)
    answer = browser.post(HOOK, content=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.text) == (200, "kept\n")
    for path in ("/metrics", "/readyz", "/healthz"):
        assert browser.get(path).json()["code"] == "no_route"
    assert browser.get("/api/v1/tenants").headers["x-request-id"]


def test_another_name_for_the_site_is_refused(both: tuple[VirtualSite, httpx.Client]) -> None:
    _, browser = both
    answer = browser.get("/api/v1/me", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")
