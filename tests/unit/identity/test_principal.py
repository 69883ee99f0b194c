"""`may`: who may do what to whose object."""

from __future__ import annotations

import pytest

from pbxbilling.identity.permissions import EVERYTHING, Permission
from pbxbilling.identity.principal import SITE, Access, Principal, Subject, may
from pbxbilling.kernel.audit import ActorType

READ, WRITE = Permission.CALLS_READ, Permission.TENANTS_WRITE
OPERATOR = Principal(ActorType.USER, "op", frozenset({READ}))
ACME = Principal(ActorType.USER, "ann", frozenset({READ}), "acme")


@pytest.mark.parametrize(
    ("principal", "permission", "subject", "access"),
    [
        (OPERATOR, READ, "acme", Access.ALLOWED),
        (OPERATOR, READ, None, Access.ALLOWED),
        (OPERATOR, READ, SITE, Access.ALLOWED),
        (OPERATOR, WRITE, "acme", Access.FORBIDDEN),
        (ACME, READ, "acme", Access.ALLOWED),
        (ACME, WRITE, "acme", Access.FORBIDDEN),
        (ACME, READ, "globex", Access.UNSEEN),
        (ACME, WRITE, "globex", Access.UNSEEN),
        (ACME, READ, None, Access.UNSEEN),
        (ACME, READ, SITE, Access.FORBIDDEN),
    ],
)
def test_may(
    principal: Principal, permission: Permission, subject: Subject, access: Access
) -> None:
    assert may(principal, permission, subject) is access


def test_a_command_may_do_everything() -> None:
    command = Principal.command("root")
    assert command.permissions == EVERYTHING
    assert all(may(command, one, SITE) is Access.ALLOWED for one in Permission)
