"""People log in to `pbxbilling web`, with a second factor, and show once more who they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest

from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.people.second_factor import step_of
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.two]
max_calls = 2
[tenant.acme]
plan = "two"
[tenant.globex]
plan = "two"
"""
PASSWORD = "a long enough one"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path_factory.mktemp("login")) as site:
        site.start()
        site.apply(ACCOUNTS)
        site.start_web()
        yield site


@dataclass
class Browser:
    """A browser on a page of ours, with its cookie."""

    site: VirtualSite
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        sent = {"Sec-Fetch-Site": "same-origin", **how.pop("headers", {})}
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = f"http://{self.site.web}/api/v1{path}"
        answer = httpx.request(method, url, headers=sent, timeout=patience_s(20), **how)
        self.cookies |= dict(answer.cookies)
        return answer

    def logs_in(self, email: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        form = {"email": email, "password": password, "code": code}
        return self.send("POST", "/session", json=form)

    def steps_up(self, **proof: str) -> httpx.Response:
        return self.send("POST", "/session/step-up", json=proof)


def person(site: VirtualSite, role: str, *words: str) -> str:
    """Add a user; return the mail address."""
    email = f"user{next(_NUMBERS)}@acme.example"
    password = site.directory / "password"
    password.write_text(f"{PASSWORD}\n")
    site.says("user", "add", email, "--role", role, "--password-file", str(password), *words)
    return email


def inside(site: VirtualSite, role: str, *words: str) -> Browser:
    browser = Browser(site)
    assert browser.logs_in(person(site, role, *words)).status_code == 200
    return browser


def code_of(secret: str) -> str:
    return PyOtp().code(secret, step_of(SystemClock().now()))


def test_a_user_logs_in_acts_by_their_role_and_logs_out(site: VirtualSite) -> None:
    email = person(site, "manager")
    browser = Browser(site)
    me = browser.logs_in(email.upper())
    assert me.status_code == 200
    assert (me.json()["name"], me.json()["type"]) == (email, "user")
    cookie = me.headers["set-cookie"]
    assert cookie.startswith("__Host-pbxb=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    assert len(browser.send("GET", "/tenants").json()) == 2
    assert browser.send("PUT", "/tenants/globex/suspension").status_code == 200
    assert site.json("tenant", "show", "globex")["audit"][0]["actor"] == email
    assert browser.send("GET", "/usage").status_code == 200
    assert browser.send("GET", "/statements").json()["missing_scope"] == "billing.read"
    held = dict(browser.cookies)
    assert browser.send("DELETE", "/session").status_code == 200
    assert Browser(site, held).send("GET", "/tenants").status_code == 401


def test_a_tenants_user_sees_their_tenant_alone(site: VirtualSite) -> None:
    browser = inside(site, "tenant_user", "--tenant", "acme")
    assert [one["tenant"] for one in browser.send("GET", "/tenants").json()] == ["acme"]
    assert browser.send("GET", "/tenants/globex").status_code == 404


def test_nobody_learns_why_they_do_not_get_in(site: VirtualSite) -> None:
    email = person(site, "admin")
    site.says("user", "disable", (gone := person(site, "admin")))
    answers = [
        Browser(site).logs_in("nobody@acme.example"),
        Browser(site).logs_in(email, "another password"),
        Browser(site).logs_in(gone),
    ]
    assert {(one.status_code, one.text) for one in answers} == {(401, answers[0].text)}
    assert "login failed" in (site.directory / "web.log").read_text()


def test_who_is_disabled_or_has_a_new_password_is_out_at_once(site: VirtualSite) -> None:
    email = person(site, "admin")
    browser = Browser(site)
    assert browser.logs_in(email).status_code == 200
    password = site.directory / "new"
    password.write_text("quite another one")
    site.says("user", "password", email, "--password-file", str(password))
    assert browser.send("GET", "/me").status_code == 401
    assert browser.logs_in(email, "quite another one").status_code == 200
    site.says("user", "disable", email)
    assert browser.send("GET", "/me").status_code == 401
    site.says("user", "enable", email)
    assert browser.send("GET", "/me").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_another_site_cannot_make_a_browser_act(
    site: VirtualSite, headers: dict[str, str], status: int
) -> None:
    browser = inside(site, "manager")
    answer = browser.send("DELETE", "/tenants/globex/suspension", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "cross_site"
        assert browser.send("GET", "/me", headers=headers).status_code == 200


def test_users_and_tokens_need_a_step_up_which_the_daemon_checks(site: VirtualSite) -> None:
    browser = inside(site, "super_admin")
    new = {"email": "new@acme.example", "role": "support"}
    refused = browser.send("POST", "/users", json=new)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_needed")
    assert browser.steps_up(password="wrong").status_code == 401
    assert browser.steps_up(password=PASSWORD).status_code == 200
    assert browser.send("POST", "/users", json=new).status_code == 200
    assert (
        browser.send("POST", "/tokens", json={"name": "x", "scopes": ["admin"]}).status_code == 200
    )
    # The session's row says that there was one; the daemon that was restarted knows of none.
    site.stop()
    site.start()
    again = browser.send("POST", "/users", json={**new, "email": "newer@acme.example"})
    assert (again.status_code, again.json()["code"]) == (403, "step_up_needed")


def test_a_second_factor_its_codes_once_each_and_the_recovery_codes(site: VirtualSite) -> None:
    email = person(site, "admin")
    browser = Browser(site)
    assert browser.logs_in(email).status_code == 200
    assert browser.send("POST", "/me/second-factor").json()["code"] == "step_up_needed"
    browser.steps_up(password=PASSWORD)
    secret = browser.send("POST", "/me/second-factor").json()["secret"]
    bad = browser.send("PUT", "/me/second-factor", json={"secret": secret, "code": "000000"})
    assert "check the clock" in bad.json()["detail"]
    code = code_of(secret)
    put = browser.send("PUT", "/me/second-factor", json={"secret": secret, "code": code})
    recovery = put.json()["recovery_codes"]

    assert Browser(site).logs_in(email).status_code == 401
    assert Browser(site).logs_in(email, code=code).status_code == 401, "it was used"
    until(lambda: code_of(secret) != code, "the next code", 40.0)
    new = code_of(secret)
    assert Browser(site).logs_in(email, code=new).status_code == 200
    assert Browser(site).logs_in(email, code=new).status_code == 401
    assert Browser(site).logs_in(email, code=recovery[0].upper()).status_code == 200
    assert Browser(site).logs_in(email, code=recovery[0]).status_code == 401


def test_sessions_are_listed_and_ended(site: VirtualSite) -> None:
    email = person(site, "admin")
    here, there = Browser(site), Browser(site)
    for browser in (here, there):
        assert browser.logs_in(email).status_code == 200
    sessions = here.send("GET", "/sessions").json()
    assert sorted(one["current"] for one in sessions) == [False, True]
    (other,) = [one["id"] for one in sessions if not one["current"]]
    assert here.send("DELETE", f"/sessions/{other}").status_code == 200
    assert there.send("GET", "/me").status_code == 401
    assert here.send("GET", "/me").status_code == 200


def test_people_log_in_while_the_daemon_is_away(site: VirtualSite) -> None:
    email = person(site, "admin")
    site.stop()
    try:
        browser = Browser(site)
        assert browser.logs_in(email).status_code == 200
        assert len(browser.send("GET", "/tenants").json()) == 2
        assert browser.steps_up(password=PASSWORD).status_code == 503
    finally:
        site.start()


def test_a_tenants_admin_manages_its_own_people_and_nobody_elses(site: VirtualSite) -> None:
    boss = inside(site, "tenant_admin", "--tenant", "acme")
    other = person(site, "tenant_user", "--tenant", "globex")
    new = {"email": "colleague@acme.example", "role": "tenant_user", "password": PASSWORD}
    assert boss.send("POST", "/tenants/acme/users", json=new).json()["code"] == "step_up_needed"
    assert boss.steps_up(password=PASSWORD).status_code == 200
    made = boss.send("POST", "/tenants/acme/users", json=new)
    assert made.status_code == 200, made.text
    assert boss.send("POST", "/tenants/globex/users", json=new).status_code == 404
    staff = {**new, "email": "x@acme.example", "role": "admin"}
    assert boss.send("POST", "/tenants/acme/users", json=staff).status_code == 422
    own = "/tenants/acme/users"
    assert "colleague@acme.example" in [one["email"] for one in boss.send("GET", own).json()]
    assert boss.send("PUT", f"{own}/{other}/exclusion").status_code == 404
    assert Browser(site).logs_in("colleague@acme.example").status_code == 200
    assert boss.send("PUT", f"{own}/colleague@acme.example/exclusion").status_code == 200
    assert Browser(site).logs_in("colleague@acme.example").status_code == 401
    assert boss.send("GET", "/users").status_code == 403


def test_a_role_of_the_sites_own_is_in_force_as_it_is_now(site: VirtualSite) -> None:
    root = inside(site, "super_admin")
    assert root.steps_up(password=PASSWORD).status_code == 200
    made = {"name": "night", "permissions": ["tenants.read"]}
    assert root.send("POST", "/roles", json=made).status_code == 200
    guard = inside(site, "night")
    assert guard.send("GET", "/tenants").status_code == 200
    assert guard.send("GET", "/audit").json()["missing_scope"] == "audit.read"
    changed = {"permissions": ["audit.read"]}
    seen = {"If-Match": root.send("GET", "/roles/night").headers["ETag"]}
    assert root.send("PUT", "/roles/night", json=changed).status_code == 428
    assert root.send("PUT", "/roles/night", json=changed, headers=seen).status_code == 200
    assert root.send("PUT", "/roles/night", json=changed, headers=seen).status_code == 412
    assert guard.send("GET", "/audit").status_code == 200
    assert guard.send("GET", "/tenants").status_code == 403
    anyhow = {"If-Match": "*"}
    somebody_has_it = root.send("DELETE", "/roles/night", headers=anyhow)
    assert somebody_has_it.status_code == 422
    events = [row["event"] for row in root.send("GET", "/audit").json()[:3]]
    assert "role.updated" in events
