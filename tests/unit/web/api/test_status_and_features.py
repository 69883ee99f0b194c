"""What a tenant's status leaves its people, and what a site has switched off."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from fastapi import Request

from pbxbilling.identity.permissions import SHIPPED_ROLES, Role
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.web.api import ROUTES, api
from pbxbilling.web.api.rights import RIGHTS, Feature, Right
from pbxbilling.web.api.services import Services

HELD = [(method, path) for method, path in RIGHTS if not path.startswith("/session")]


class ReachedError(ServiceError):
    """The route was reached."""

    status = 226


class Restricted:
    """The services of a tenant that may only read and pay."""

    @property
    def administration(self) -> Any:
        return self

    def restriction(self, slug: str) -> str:
        return f"tenant {slug} is suspended: pay"

    def __getattr__(self, name: str) -> Any:
        raise ReachedError(name)


async def restricted() -> Services:
    return cast("Services", Restricted())


@asynccontextmanager
async def client(role: Role, *off: Feature) -> AsyncIterator[httpx.AsyncClient]:
    async def principal(_request: Request) -> Principal:
        tenant = "acme" if role in {Role.TENANT_ADMIN, Role.TENANT_USER} else None
        return Principal(ActorType.USER, role, SHIPPED_ROLES[role], tenant)

    app = api(restricted, principal, is_stepped_up=lambda *_: True, switched_off=off)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as one:
        yield one


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", "acme", path)


def of_tenants(right: Right) -> bool:
    return bool(SHIPPED_ROLES[Role.TENANT_ADMIN].intersection(right.permissions))


WRITES = [one for one in HELD if one[0] != "GET" and of_tenants(RIGHTS[one])]
READS = [one for one in HELD if one[0] == "GET" and of_tenants(RIGHTS[one])]
PAYS = {("POST", "/tenants/{tenant}/checkout"), ("POST", "/tenants/{tenant}/portal")}


async def test_a_tenants_people_read_and_pay_and_nothing_else() -> None:
    assert len(WRITES) > 5
    assert len(READS) > 10
    async with client(Role.TENANT_ADMIN) as admin:
        answers = {one: await admin.request(one[0], filled(one[1])) for one in [*WRITES, *READS]}
    refused = {one for one, answer in answers.items() if answer.status_code == 403}
    own = {one for one in WRITES if "{tenant}" in one[1]} - PAYS
    assert own <= refused
    assert not refused & {*PAYS, *(one for one in READS if "{tenant}" in one[1])}
    for one in own:
        assert answers[one].json()["code"] == "restricted"
        assert answers[one].json()["detail"] == "tenant acme is suspended: pay"


async def test_an_operator_is_never_restricted() -> None:
    async with client(Role.SUPER_ADMIN) as admin:
        for method, path in HELD:
            answer = await admin.request(method, filled(path))
            assert answer.headers.get("content-type") != "application/problem+json" or (
                answer.json()["code"] != "restricted"
            ), (method, path)


@pytest.mark.parametrize("feature", Feature)
async def test_what_is_switched_off_is_not_there_and_all_else_is(feature: Feature) -> None:
    async with client(Role.SUPER_ADMIN, feature) as admin:
        for route in ROUTES:
            (method,) = route.methods or {"GET"}
            right = RIGHTS[method, route.path]
            answer = await admin.request(method, filled(route.path))
            if right.feature is feature:
                said = answer.json()
                assert (answer.status_code, said["code"]) == (404, "switched_off"), route.path
                assert f"[features] {feature} = true" in said["detail"]
            else:
                assert "is switched off here" not in answer.text, route.path


def test_billing_is_what_money_is_about_and_calls_are_no_part_of_it() -> None:
    billing = {path for (_, path), right in RIGHTS.items() if right.feature is Feature.BILLING}
    assert {"/statements", "/figures", "/tenants/{tenant}/checkout", "/adoption"} <= billing
    assert not billing & {"/calls", "/tenants", "/decisions", "/usage", "/plans", "/accounts"}
