"""Who may use the API: users and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field

from pbxbilling.identity.manage_tokens import DAYS
from pbxbilling.identity.manage_users import NewUser as UserToAdd
from pbxbilling.identity.token import Token as SavedToken
from pbxbilling.identity.user import User as SavedUser
from pbxbilling.kernel.text import check_name
from pbxbilling.web.api.routing import Actor, Schema, Served, written

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


class NewPassword(Schema):
    """A password to set."""

    password: str


@router.get("/users", response_model=list[User])
async def users(services: Served) -> Response:
    """List all users by their mail addresses."""
    return await written([_person(one) for one in await services.identity.users.all()])


@router.post("/users", response_model=User)
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


@router.get("/tokens", response_model=list[Token])
async def tokens(services: Served) -> Response:
    """List all tokens, the newest first."""
    return await written([_shown(one) for one in await services.identity.tokens.all()])


@router.post("/tokens", response_model=MadeToken)
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
