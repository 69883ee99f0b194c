"""Privacy: purge by hand, and forget a former tenant.

An export reads only the database file; the command does that itself.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from pbxbilling.privacy.retention import Chore
from pbxbilling.web.api.routing import Actor, Served, written
from pbxbilling.web.api.schema import DryRun, Schema

LIMIT_S = 20.0  # the caller waits for the answer; the nightly purge may take longer

router = APIRouter(tags=["privacy"])


class Purge(Schema):
    """Rows purged, or due for purging, by chore; `complete` is false where more are due."""

    rows: dict[Chore, int]
    complete: bool
    purged: bool


class Forgotten(Schema):
    """A forgotten tenant: how many rows had their numbers cut; `notes` say what stays and why."""

    tenant: str
    rows: int
    notes: list[str]


@router.post("/purge", response_model=Purge)
async def purge(services: Served, given: DryRun) -> Response:
    """Purge what is past its retention time, for at most 20 seconds."""
    if given.dry_run:
        rows = await services.purge.preview()
        return await written({"rows": rows, "complete": False, "purged": False})
    purged = await services.purge.run(LIMIT_S)
    return await written({"rows": purged.rows, "complete": purged.complete, "purged": True})


@router.delete("/tenants/{tenant}/personal-data", response_model=Forgotten)
async def forget(services: Served, actor: Actor, tenant: str) -> Response:
    """Delete the contacts and numbers of a cancelled tenant; its statements stay."""
    return await written(await services.forgetter.forget(tenant, actor))
