"""Another program reports usage to the real daemon; it is on the statement, also after a kill."""

from __future__ import annotations

from pathlib import Path
from signal import SIGKILL

import httpx
import pytest

from rig.waiting import patience_s
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

TOKEN = "a-token-of-some-length"
ACCOUNTS = """
[plan.pro]
currency = "EUR"
meters = { words = { per = 1000, price = "0.50", name = "Words" } }
[tenant.acme]
plan = "pro"
"""


def post(site: VirtualSite, reference: str, token: str = TOKEN) -> int:
    told = {"tenant": "acme", "meter": "words", "units": 600, "reference": reference}
    answer = httpx.post(
        f"http://{site.http}/api/v1/usage",
        json=told,
        headers={"Authorization": f"Bearer {token}"},
        timeout=patience_s(10),
    )
    return answer.status_code


def test_usage_that_was_answered_200_is_on_the_statement_once(tmp_path: Path) -> None:
    token = tmp_path / "usage.token"
    token.write_text(f"{TOKEN}\n")
    with VirtualSite(tmp_path, sections='[usage]\ntoken_file = "usage.token"\n') as site:
        site.start().apply(ACCOUNTS)
        assert [post(site, "a"), post(site, "a"), post(site, "b", "guess")] == [200, 200, 401]
        assert post(site, "b") == 200
        site.stop(SIGKILL)
        site.start()
        assert post(site, "b") == 200
        preview = site.json("statement", "preview", "acme")
        assert site.metric("pbxbilling_usage_requests_total") == 1
    (line,) = [one for one in preview["lines"] if one["key"].startswith("units:")]
    assert (line["text"], line["quantity"], line["amount_minor"]) == ("Words", 1200, 60)
