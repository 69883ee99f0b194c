"""Adoption: subscriptions and customers that the gateway had before, and whose they become."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from pbxbilling.accounts.terms.status import Status
from pbxbilling.config.tables.adoption_csv import read_adoption
from pbxbilling.subscriptions.adoption.adopt import rows_of
from pbxbilling.subscriptions.adoption.matching import AdoptionRow, Candidate, Evidence
from pbxbilling.web.api.routing import NEEDS_GATEWAY, Actor, Served, written
from pbxbilling.web.api.schema import Schema

router = APIRouter(tags=["payments"])


class AdoptionCandidate(Schema):
    """A subscription, or a customer without one, that is nobody's, and the tenants that fit.

    `by` says by what they fit; `status` is the one that the tenant would get, if there is one
    tenant. `problem` says why it cannot be linked to it as it is.
    """

    subscription: str | None
    customer: str
    name: str
    email: str
    tenants: list[str]
    by: Evidence | None
    plan: str | None
    gateway_status: Status | None
    status: Status | None
    problem: str


class AdoptionCandidates(Schema):
    """Everything that is nobody's, with sentences about what could not be read."""

    candidates: list[AdoptionCandidate]
    faults: list[str]


class RowToAdopt(Schema):
    """A subscription, or a customer alone, and the tenant that it becomes."""

    tenant: str
    subscription: str | None = None
    customer: str | None = None


class RowsToAdopt(Schema):
    """Rows to link, all or none; `dry_run` only reports what they change."""

    rows: list[RowToAdopt]
    dry_run: bool = False


class AdoptionText(Schema):
    """The text of a CSV file with rows to link; `source` names the file in error messages."""

    text: str
    source: str
    dry_run: bool = False


class Adopted(Schema):
    """A row that was or would be linked, and what it changes of its tenant."""

    tenant: str
    customer: str
    subscription: str | None
    plan_before: str
    plan: str
    status_before: Status
    status: Status


@router.get("/adoption", response_model=AdoptionCandidates, openapi_extra=NEEDS_GATEWAY)
async def candidates(services: Served) -> Response:
    """List what is nobody's at the gateway, with the tenants that fit."""
    found = await services.shop.adoption.candidates()
    rows = [_candidate(one) for one in found.rows]
    return await written({"candidates": rows, "faults": found.faults})


@router.post("/adoption", response_model=list[Adopted], openapi_extra=NEEDS_GATEWAY)
async def adopt(services: Served, actor: Actor, given: RowsToAdopt) -> Response:
    """Link subscriptions and customers to tenants, all or none; the gateway is not changed."""
    rows = [AdoptionRow(one.tenant, one.subscription, one.customer) for one in given.rows]
    done = services.shop.adoption.adopt(rows_of(rows), actor, dry_run=given.dry_run)
    return await written(await done, Adopted)


@router.post("/adoption/rows.csv", response_model=list[Adopted], openapi_extra=NEEDS_GATEWAY)
async def adopt_file(services: Served, actor: Actor, file: AdoptionText) -> Response:
    """Link the rows of a CSV file, all or none; the gateway is not changed."""
    adoption = services.shop.adoption
    rows = await asyncio.to_thread(read_adoption, file.text, file.source)
    return await written(await adoption.adopt(rows, actor, dry_run=file.dry_run), Adopted)


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "subscription": one.subscription.id if one.subscription is not None else None,
        "customer": one.customer.id,
        "name": one.customer.name,
        "email": one.customer.email,
        "tenants": one.fit.tenants,
        "by": one.fit.by,
        "plan": one.plan,
        "gateway_status": one.subscription.status if one.subscription is not None else None,
        "status": one.status,
        "problem": one.problem,
    }
