"""Who may use the API: users and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, JsonValue

from pbxbilling.accounts.records import AuditQuery
from pbxbilling.identity.people.manage_users import NewUser as UserToAdd
from pbxbilling.identity.people.user import User as SavedUser
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.tokens.manage_tokens import DAYS
from pbxbilling.identity.tokens.token import Token as SavedToken
from pbxbilling.kernel.audit import ActorType, AuditEvent
from pbxbilling.kernel.text import check_name
from pbxbilling.web.api.conditions import TAGGED, ExpectedVersion, tagged
from pbxbilling.web.api.routing import Actor, Served, following, page, written
from pbxbilling.web.api.schema import PAGE, After, Instant, Limit, RowId, Schema, leads_to
from pbxbilling.web.api.shape import plain

router = APIRouter(tags=["identity"])


class NewToken(Schema):
    """A token to make; `scopes` are permissions, or "admin" for all that a token can have.

    With `networks` it is good from addresses in them alone.
    """

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_name)]
    scopes: list[str]
    tenant: str | None = None
    networks: tuple[str, ...] = ()
    days: int = DAYS


class Token(Schema):
    """A token, without its secret; `revoked_at` is null while it is in force."""

    id: str
    name: str
    scopes: list[str]
    tenant: str | None
    networks: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None


class MadeToken(Schema):
    """A new token: the only answer that ever has it."""

    id: str
    token: str
    expires_at: datetime


class NewUser(Schema):
    """A user to add; `tenant` is for roles of tenants. Without `password` nobody can log in yet."""

    email: str
    role: str
    tenant: str | None = None
    password: str | None = None


class User(Schema):
    """A user; `disabled_at` is null while they are let in."""

    id: str
    email: str
    role: str
    tenant: str | None
    has_password: bool
    second_factor: bool
    created_at: datetime
    created_by: str
    disabled_at: datetime | None


class TenantsUser(Schema):
    """A user to add for the tenant in the path; `role` is one of tenants."""

    email: str
    role: str
    password: str | None = None


class NewRole(Schema):
    """A role to make; with `of_tenants` its users act for one tenant each."""

    name: str
    permissions: list[Permission]
    of_tenants: bool = False


class RolePermissions(Schema):
    """What a role may from now on."""

    permissions: list[Permission]


class Role(Schema):
    """A role; a `shipped` one can be copied, not changed."""

    name: str
    permissions: list[Permission]
    of_tenants: bool
    shipped: bool


class NewPassword(Schema):
    """A password to set."""

    password: str


class AuditEntry(Schema):
    """A change: what it was, who made it from where and why; `before` null where nothing was.

    `event` is null in records of releases before 0.2. `tenant` is the one that it is about.
    """

    id: int
    at: datetime
    event: AuditEvent | None
    actor_type: ActorType
    actor: str
    actor_id: str
    action: str
    subject: str
    tenant: str | None
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    reason: str
    address: str
    request: str


@router.get("/audit", response_model=list[AuditEntry])
async def audit(
    services: Served,
    request: Request,
    tenant: str | None = None,
    event: AuditEvent | None = None,
    actor: str | None = None,
    since: Instant | None = None,
    after: RowId | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List changes, the newest first."""
    wanted = AuditQuery(tenant, event, actor, None, since, after, limit)
    found = await services.administration.audit_trail(wanted)
    rows = [{"id": one.id, **plain(one.record)} for one in found]
    return await page(request, rows, limit, lambda row: row["id"])


@router.get("/users", response_model=list[User])
async def users(
    services: Served, request: Request, after: After = None, limit: Limit = PAGE
) -> Response:
    """List all users by their mail addresses."""
    return await _people(request, await services.identity.users.all(), after, limit)


@router.post(
    "/users",
    response_model=User,
    responses=leads_to(
        {"email": "$response.body#/email"},
        ("PUT", "/users/{email}/password"),
        ("PUT", "/users/{email}/exclusion"),
        ("DELETE", "/users/{email}/exclusion"),
    ),
)
async def add_user(services: Served, actor: Actor, new: NewUser) -> Response:
    """Add a user."""
    wanted = UserToAdd(new.email, new.role, new.tenant, new.password)
    return await written(_person(await services.identity.users.add(wanted, actor)))


@router.put("/users/{email}/password", response_model=User)
async def set_password(services: Served, actor: Actor, email: str, new: NewPassword) -> Response:
    """Set a user's password."""
    return await written(
        _person(await services.identity.users.set_password(email, new.password, actor))
    )


@router.put("/users/{email}/exclusion", response_model=User)
async def disable(services: Served, actor: Actor, email: str) -> Response:
    """Keep a user out, at once."""
    return await written(_person(await services.identity.users.disable(email, actor)))


@router.delete("/users/{email}/exclusion", response_model=User)
async def enable(services: Served, actor: Actor, email: str) -> Response:
    """Let a user in again."""
    return await written(_person(await services.identity.users.enable(email, actor)))


@router.get("/tenants/{tenant}/users", response_model=list[User])
async def users_of(
    services: Served, request: Request, tenant: str, after: After = None, limit: Limit = PAGE
) -> Response:
    """List a tenant's users by their mail addresses."""
    return await _people(request, await services.identity.users.all(tenant), after, limit)


@router.post(
    "/tenants/{tenant}/users",
    response_model=User,
    responses=leads_to(
        {"tenant": "$request.path.tenant", "email": "$response.body#/email"},
        ("PUT", "/tenants/{tenant}/users/{email}/password"),
        ("PUT", "/tenants/{tenant}/users/{email}/exclusion"),
        ("DELETE", "/tenants/{tenant}/users/{email}/exclusion"),
    ),
)
async def add_user_of(services: Served, actor: Actor, tenant: str, new: TenantsUser) -> Response:
    """Add a user for a tenant."""
    wanted = UserToAdd(new.email, new.role, tenant, new.password)
    return await written(_person(await services.identity.users.add(wanted, actor)))


@router.put("/tenants/{tenant}/users/{email}/password", response_model=User)
async def set_password_of(
    services: Served, actor: Actor, tenant: str, email: str, new: NewPassword
) -> Response:
    """Set the password of a tenant's user."""
    set_password = services.identity.users.set_password
    return await written(_person(await set_password(email, new.password, actor, tenant)))


@router.put("/tenants/{tenant}/users/{email}/exclusion", response_model=User)
async def disable_of(services: Served, actor: Actor, tenant: str, email: str) -> Response:
    """Keep a tenant's user out, at once."""
    return await written(_person(await services.identity.users.disable(email, actor, tenant)))


@router.delete("/tenants/{tenant}/users/{email}/exclusion", response_model=User)
async def enable_of(services: Served, actor: Actor, tenant: str, email: str) -> Response:
    """Let a tenant's user in again."""
    return await written(_person(await services.identity.users.enable(email, actor, tenant)))


@router.get("/roles", response_model=list[Role])
async def roles(services: Served) -> Response:
    """List the shipped roles, then the site's own."""
    return await written(await services.identity.roles.all())


@router.post(
    "/roles",
    response_model=Role,
    responses=leads_to(
        {"role": "$response.body#/name"},
        ("GET", "/roles/{role}"),
        ("PUT", "/roles/{role}"),
        ("DELETE", "/roles/{role}"),
    ),
)
async def add_role(services: Served, actor: Actor, new: NewRole) -> Response:
    """Make a role."""
    add = services.identity.roles.add(new.name, new.permissions, actor, of_tenants=new.of_tenants)
    return await written(await add)


@router.get("/roles/{role}", response_model=Role, responses=TAGGED)
async def role(services: Served, role: str) -> Response:
    """Show one role."""
    found = await services.identity.roles.one(role)
    return tagged(await written(found), found)


@router.put("/roles/{role}", response_model=Role, responses=TAGGED)
async def change_role(
    services: Served, actor: Actor, expected: ExpectedVersion, role: str, new: RolePermissions
) -> Response:
    """Give a role of the site's own other permissions."""
    roles = services.identity.roles
    changed = await roles.change(role, new.permissions, actor, expected.check)
    return tagged(await written(changed), changed)


@router.delete("/roles/{role}", response_model=Role)
async def delete_role(
    services: Served, actor: Actor, expected: ExpectedVersion, role: str
) -> Response:
    """Delete a role that nobody has."""
    return await written(await services.identity.roles.delete(role, actor, expected.check))


@router.get("/tokens", response_model=list[Token])
async def tokens(
    services: Served, request: Request, after: After = None, limit: Limit = PAGE
) -> Response:
    """List all tokens, the newest first."""
    found = following(await services.identity.tokens.all(), after, lambda one: one.id)
    rows = [_shown(one) for one in found[:limit]]
    return await page(request, rows, limit, lambda row: row["id"])


@router.post(
    "/tokens",
    response_model=MadeToken,
    responses=leads_to({"token": "$response.body#/id"}, ("DELETE", "/tokens/{token}")),
)
async def add_token(services: Served, actor: Actor, new: NewToken) -> Response:
    """Make a token, and show it once."""
    made = await services.identity.tokens.add(
        new.name,
        new.scopes,
        actor,
        tenant=new.tenant,
        days=new.days,
        networks=new.networks,
    )
    token = made.token
    return await written(
        {"id": token.id, "token": made.secret.text, "expires_at": token.expires_at}
    )


@router.delete("/tokens/{token}", response_model=Token)
async def revoke_token(services: Served, actor: Actor, token: str) -> Response:
    """Revoke a token, at once; a repeated request changes nothing."""
    return await written(_shown(await services.identity.tokens.revoke(token, actor)))


async def _people(
    request: Request, users: Sequence[SavedUser], after: str | None, limit: int
) -> Response:
    found = following(users, after, lambda one: one.email)
    rows = [_person(one) for one in found[:limit]]
    return await page(request, rows, limit, lambda row: row["email"])


def _person(user: SavedUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "tenant": user.tenant,
        "has_password": bool(user.password),
        "second_factor": bool(user.totp),
        "created_at": user.created_at,
        "created_by": user.created_by,
        "disabled_at": user.disabled_at,
    }


def _shown(token: SavedToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in Token.model_fields}
