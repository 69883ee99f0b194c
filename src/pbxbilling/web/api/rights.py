"""Which permission each route needs, and whose object it is about; `may` is asked by this table.

A route that is not in it is refused to everybody (tests/unit/web/test_rights.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.principal import SITE, Access, Principal, Subject, may
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import NotFoundError, ServiceError

P = Permission


class Whose(Enum):
    """Whose object a route is about."""

    TENANT = "the tenant in the path"
    LISTED = "rows of all tenants, or of the caller's own; `tenant` in the query chooses one"
    SITE = "the operator's"
    SELF = "the user's own account"
    ANYBODY = "whoever asks, if anybody"
    NOBODY = "open to everybody"
    WEB = "the web process's own"


class Feature(StrEnum):
    """What a site may switch off: its routes are not there then, its data stays."""

    BILLING = "billing"
    WALLET = "wallet"
    SIGNUP = "signup"


_OF_FEATURES: Final[Mapping[P, Feature]] = {
    P.BILLING_READ: Feature.BILLING,
    P.BILLING_WRITE: Feature.BILLING,
    P.BILLING_APPROVE: Feature.BILLING,
    P.SUBSCRIPTIONS_MANAGE: Feature.BILLING,
    P.INVOICES_MANAGE: Feature.BILLING,
    P.PAY: Feature.BILLING,
    P.WALLETS_MANAGE: Feature.WALLET,
    P.SIGNUPS_REVIEW: Feature.SIGNUP,
}


@dataclass(frozen=True, slots=True)
class Right:
    """What a route needs: one of the permissions, or, with `every`, each of them.

    `step_up`: a user must have shown a password or a code within the last minutes. `always`: a
    tenant's people may do it whatever the tenant's status, as to pay.
    """

    whose: Whose
    permissions: tuple[P, ...]
    every: bool = False
    step_up: bool = False
    always: bool = False

    @property
    def feature(self) -> Feature | None:
        """The feature that the route is a part of: the one that all its permissions belong to."""
        features = {_OF_FEATURES.get(one) for one in self.permissions}
        return features.pop() if len(features) == 1 else None


def _tenant(*permissions: P) -> Right:
    return Right(Whose.TENANT, permissions)


def _listed(*permissions: P) -> Right:
    return Right(Whose.LISTED, permissions)


def _site(*permissions: P) -> Right:
    return Right(Whose.SITE, permissions)


_ACCOUNTS_FILE = Right(Whose.SITE, (P.TENANTS_WRITE, P.PLANS_MANAGE), every=True)
_PEOPLE = Right(Whose.SITE, (P.USERS_MANAGE,), step_up=True)
_PEOPLE_OF = Right(Whose.TENANT, (P.USERS_MANAGE,), step_up=True)
_ROLES = Right(Whose.SITE, (P.ROLES_MANAGE,), step_up=True)
_MINE = Right(Whose.SELF, (), step_up=True)
_BUYS = _tenant(P.PAY, P.SUBSCRIPTIONS_MANAGE)
_PAYS = replace(_BUYS, always=True)
_LOGS_IN = Right(Whose.SELF, (), always=True)

RIGHTS: Final[Mapping[tuple[str, str], Right]] = {
    ("GET", "/live"): Right(Whose.WEB, ()),
    ("GET", "/status"): _site(P.CALLS_READ),
    ("GET", "/calls"): _listed(P.CALLS_READ),
    ("DELETE", "/calls/{call}/slot"): _site(P.CALLS_RELEASE),
    ("GET", "/tenants/{tenant}/limits"): _tenant(P.USAGE_READ),
    ("GET", "/tenants/{tenant}/limits/{limit}"): _tenant(P.USAGE_READ),
    ("GET", "/decisions"): _listed(P.CALLS_READ),
    ("POST", "/usage"): _listed(P.USAGE_WRITE),
    ("GET", "/usage"): _listed(P.USAGE_READ),
    ("GET", "/tenants/{tenant}/units"): _tenant(P.USAGE_READ),
    ("GET", "/usage/unowned"): _site(P.USAGE_READ),
    ("GET", "/usage/estimated"): _listed(P.USAGE_READ),
    ("PUT", "/usage/legs/{leg}/tenant"): _site(P.USAGE_WRITE),
    ("PUT", "/accounts"): _ACCOUNTS_FILE,
    ("PUT", "/accounts/tenants.csv"): _site(P.TENANTS_WRITE),
    ("GET", "/accounts/tenants.csv"): _site(P.TENANTS_READ),
    ("GET", "/plans"): _site(P.TENANTS_READ),
    ("GET", "/plans/{plan}"): _site(P.TENANTS_READ),
    ("GET", "/tenants"): _listed(P.TENANTS_READ),
    ("GET", "/tenants/{tenant}"): _tenant(P.TENANTS_READ),
    ("PUT", "/tenants/{tenant}/suspension"): _tenant(P.TENANTS_WRITE),
    ("DELETE", "/tenants/{tenant}/suspension"): _tenant(P.TENANTS_WRITE),
    ("PUT", "/tenants/{tenant}/trial"): _tenant(P.TENANTS_WRITE),
    ("POST", "/daily-check"): _site(P.TENANTS_WRITE),
    ("GET", "/tenants/{tenant}/statements/preview"): _tenant(P.BILLING_READ),
    ("GET", "/tenants/{tenant}/statement"): _tenant(P.BILLING_READ),
    ("POST", "/tenants/{tenant}/statements"): _tenant(P.BILLING_WRITE),
    ("GET", "/statements"): _listed(P.BILLING_READ),
    ("GET", "/records"): _listed(P.CALLS_READ),
    ("GET", "/tenants/{tenant}/statement/calls"): _tenant(P.CALLS_READ),
    ("GET", "/tenants/{tenant}/billing"): _tenant(P.BILLING_READ),
    ("POST", "/tenants/{tenant}/one-offs"): _tenant(P.BILLING_WRITE),
    ("GET", "/tenants/{tenant}/one-offs"): _tenant(P.BILLING_READ),
    ("POST", "/tenants/{tenant}/plan-changes"): _tenant(P.SUBSCRIPTIONS_MANAGE),
    ("GET", "/figures"): _site(P.BILLING_READ),
    ("GET", "/figures/tenants"): _site(P.BILLING_READ),
    ("GET", "/figures/differences"): _site(P.BILLING_READ),
    ("POST", "/tenants/{tenant}/checkout"): _PAYS,
    ("POST", "/tenants/{tenant}/portal"): _PAYS,
    ("POST", "/tenants/{tenant}/subscription/cancellation"): _BUYS,
    ("DELETE", "/tenants/{tenant}/subscription/cancellation"): _BUYS,
    ("PUT", "/subscriptions/{subscription}/tenant"): _site(P.SUBSCRIPTIONS_MANAGE),
    ("GET", "/subscriptions"): _listed(P.BILLING_READ),
    ("GET", "/tenants/{tenant}/gateway-invoices"): _tenant(P.BILLING_READ),
    ("GET", "/events/parked"): _site(P.BILLING_READ),
    ("GET", "/usage-events"): _listed(P.BILLING_READ),
    ("PUT", "/usage-events/{leg}/decision"): _site(P.BILLING_WRITE),
    ("GET", "/usage-events/periods"): _site(P.BILLING_READ),
    ("POST", "/usage-invoices"): _site(P.BILLING_WRITE),
    ("GET", "/adoption"): _site(P.SUBSCRIPTIONS_MANAGE),
    ("POST", "/adoption"): _site(P.SUBSCRIPTIONS_MANAGE),
    ("POST", "/adoption/rows.csv"): _site(P.SUBSCRIPTIONS_MANAGE),
    ("POST", "/purge"): _site(P.MODE_WRITE),
    ("DELETE", "/tenants/{tenant}/personal-data"): _tenant(P.MODE_WRITE),
    ("GET", "/problems"): Right(Whose.NOBODY, ()),
    ("GET", "/problems/{code}"): Right(Whose.NOBODY, ()),
    ("POST", "/session"): Right(Whose.NOBODY, ()),
    ("DELETE", "/session"): _LOGS_IN,
    ("POST", "/session/step-up"): _LOGS_IN,
    ("GET", "/sessions"): _LOGS_IN,
    ("DELETE", "/sessions/{session}"): _LOGS_IN,
    ("GET", "/me"): Right(Whose.ANYBODY, ()),
    ("POST", "/me/step-up"): _LOGS_IN,
    ("POST", "/me/recovery"): _LOGS_IN,
    ("PUT", "/me/password"): _MINE,
    ("POST", "/me/second-factor"): _MINE,
    ("PUT", "/me/second-factor"): _MINE,
    ("DELETE", "/me/second-factor"): _MINE,
    ("GET", "/audit"): _site(P.AUDIT_READ),
    ("GET", "/users"): _site(P.USERS_MANAGE),
    ("POST", "/users"): _PEOPLE,
    ("PUT", "/users/{email}/password"): _PEOPLE,
    ("PUT", "/users/{email}/exclusion"): _PEOPLE,
    ("DELETE", "/users/{email}/exclusion"): _PEOPLE,
    ("GET", "/tenants/{tenant}/users"): _tenant(P.USERS_MANAGE),
    ("POST", "/tenants/{tenant}/users"): _PEOPLE_OF,
    ("PUT", "/tenants/{tenant}/users/{email}/password"): _PEOPLE_OF,
    ("PUT", "/tenants/{tenant}/users/{email}/exclusion"): _PEOPLE_OF,
    ("DELETE", "/tenants/{tenant}/users/{email}/exclusion"): _PEOPLE_OF,
    ("GET", "/roles"): _site(P.USERS_MANAGE),
    ("POST", "/roles"): _ROLES,
    ("GET", "/roles/{role}"): _site(P.USERS_MANAGE),
    ("PUT", "/roles/{role}"): _ROLES,
    ("DELETE", "/roles/{role}"): _ROLES,
    ("GET", "/tokens"): _site(P.USERS_MANAGE),
    ("POST", "/tokens"): _PEOPLE,
    ("DELETE", "/tokens/{token}"): _PEOPLE,
}


class StepUpNeededError(ServiceError):
    """The user must show a password or a code once more."""

    status = 403
    code = "step_up_needed"


class RestrictedError(ServiceError):
    """The tenant's status lets its people read and pay alone."""

    status = 403
    code = "restricted"


class SwitchedOffError(ServiceError):
    """The route is a part of what this site has switched off."""

    status = 404
    code = "switched_off"

    def __init__(self, feature: Feature) -> None:
        super().__init__(f"{feature} is switched off here: [features] {feature} = true")


class UnauthenticatedError(ServiceError):
    """Nobody is known to act: there is no token, or none in force."""

    status = 401
    code = "unauthenticated"


class ForbiddenError(ServiceError):
    """The principal lacks a permission."""

    status = 403
    code = "forbidden"

    def __init__(self, missing: P | None) -> None:
        """`missing`: the permission; None where it has it, but for its own tenant alone."""
        self.missing = missing
        super().__init__(
            f"this needs the permission {missing}: ask a super_admin for it"
            if missing
            else "this is about all tenants, and you act for one"
        )


_OF_THE_MACHINE = {ActorType.SYSTEM, ActorType.COMMAND}


def is_open(method: str, path: str) -> bool:
    """Return whether a route is for those who are nobody yet."""
    right = RIGHTS.get((method, path))
    return right is not None and right.whose is Whose.NOBODY


def check_right(
    principal: Principal, method: str, path: str, values: Mapping[str, str], asked: str | None
) -> Right:
    """Return the right of a route that a principal may use; raise ForbiddenError or NotFoundError.

    `path` is the route's below the prefix, with the `values` of its parameters; `asked` is the
    `tenant` of the query.
    """
    right = RIGHTS.get((method, path))
    if right is not None and right.whose is Whose.WEB and principal.type in _OF_THE_MACHINE:
        return right
    if principal.type is ActorType.SYSTEM:
        raise UnauthenticatedError("the web process names nobody who may act")
    is_user = principal.type is ActorType.USER
    if right is None or right.whose is Whose.WEB or (right.whose is Whose.SELF and not is_user):
        raise ForbiddenError(None)
    subject = _subject(principal, right.whose, values, asked)
    answers = {one: may(principal, one, subject) for one in right.permissions}
    if Access.UNSEEN in answers.values():
        raise NotFoundError(f"no tenant {subject!r}")
    allowed = [one for one, access in answers.items() if access is Access.ALLOWED]
    if len(allowed) == len(answers) or (allowed and not right.every):
        return right
    lacking = [one for one in right.permissions if one not in principal.permissions]
    raise ForbiddenError(lacking[0] if lacking else None)


def _subject(
    principal: Principal, whose: Whose, values: Mapping[str, str], asked: str | None
) -> Subject:
    if whose is Whose.TENANT:
        return values["tenant"]
    if whose is Whose.LISTED and principal.tenant is not None:
        return asked if asked is not None else principal.tenant
    return SITE
