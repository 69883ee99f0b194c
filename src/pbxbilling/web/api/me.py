"""Whoever asks: who they are, and what users do to their own account."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pbxbilling.identity.people.log_in import Shown
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.web.api.routing import Actor, Served, Who, written
from pbxbilling.web.api.schema import Schema

router = APIRouter(tags=["identity"])


class Me(Schema):
    """Who asks, and what they may; `tenant` is the one whose objects alone they reach."""

    type: ActorType
    name: str
    tenant: str | None
    permissions: list[Permission]

    @classmethod
    def of(cls, principal: Principal) -> Me:
        """Return what is shown of a principal."""
        return cls(
            type=principal.type,
            name=principal.name,
            tenant=principal.tenant,
            permissions=sorted(principal.permissions),
        )


class Proof(Schema):
    """What shows once more who a user is: a code of the second factor, or the password."""

    password: str = ""
    code: str = ""


class Grant(Schema):
    """What allows a user more for ten minutes."""

    grant: str


class RecoveryCode(Schema):
    """A recovery code, which is used up."""

    code: str


class OwnPassword(Schema):
    """A user's new password."""

    password: str


class OfferedFactor(Schema):
    """A secret for an application, and the address that it reads from a picture."""

    secret: str
    address: str


class ConfirmedFactor(Schema):
    """The secret that was offered, with a code that the application made of it."""

    secret: str
    code: str


class RecoveryCodes(Schema):
    """The codes that stand in for a lost phone, each once: the only answer that ever has them."""

    recovery_codes: list[str]


class Done(Schema):
    """It is done."""

    done: bool = True


@router.get("/me", response_model=Me)
async def me(_services: Served, principal: Who) -> Response:
    """Show who asks."""
    return await written(Me.of(principal), Me)


@router.post("/me/step-up", response_model=Grant)
async def step_up(services: Served, actor: Actor, proof: Proof) -> Response:
    """Show once more who one is, for what cannot be taken back."""
    shown = Shown(proof.password, proof.code, actor.address)
    return await written({"grant": await services.identity.own_account.step_up(actor, shown)})


@router.post("/me/recovery", response_model=Done)
async def use_recovery(services: Served, actor: Actor, given: RecoveryCode) -> Response:
    """Use a recovery code up, in place of a code."""
    shown = Shown("", given.code, actor.address)
    await services.identity.own_account.use_recovery(actor, shown)
    return await written(Done(), Done)


@router.put("/me/password", response_model=Done)
async def set_own_password(services: Served, actor: Actor, new: OwnPassword) -> Response:
    """Change one's own password."""
    await services.identity.own_account.set_password(actor, new.password)
    return await written(Done(), Done)


@router.post("/me/second-factor", response_model=OfferedFactor)
async def offer_second_factor(services: Served, actor: Actor) -> Response:
    """Get a secret for a second factor, which is not in force yet."""
    offered = await services.identity.own_account.offer(actor)
    return await written(offered, OfferedFactor)


@router.put("/me/second-factor", response_model=RecoveryCodes)
async def confirm_second_factor(services: Served, actor: Actor, given: ConfirmedFactor) -> Response:
    """Put a second factor in force."""
    codes = await services.identity.own_account.confirm(actor, given.secret, given.code)
    return await written({"recovery_codes": codes})


@router.delete("/me/second-factor", response_model=Done)
async def remove_second_factor(services: Served, actor: Actor) -> Response:
    """Take the second factor off."""
    await services.identity.own_account.remove(actor)
    return await written(Done(), Done)
