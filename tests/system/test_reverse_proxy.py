"""The server block of docs/guides/stripe.md lets the world reach the webhook, and nothing else."""

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
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.gateways.stripe import bodies

pytestmark = pytest.mark.system

PAGE = Path(__file__).parents[2] / "docs/guides/stripe.md"
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Yield a client on the internet in front of a running daemon."""
    try:
        provision.nginx()
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no nginx: {reason}")
    directory = tmp_path_factory.mktemp("proxied")
    block = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    with VirtualSite(directory, sections=stripe_section(NOWHERE)) as site:
        site.start()
        with (
            Nginx(directory / "nginx", block[1], "YOUR.HOST", site.http) as nginx,
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
