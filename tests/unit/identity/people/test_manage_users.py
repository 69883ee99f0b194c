"""Adding and changing users: audited, told, and refused where it cannot be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.facts import UserChanged
from pbxbilling.identity.people.manage_users import NewUser
from pbxbilling.identity.people.user import CustomRole, User, read_email
from pbxbilling.identity.permissions import SHIPPED_ROLES, Permission, Role
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.facts import Fact
from tests.support.identity.tokens import users_of
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import NOON

PASSWORD = "a long password"
NIGHT = CustomRole(
    "night", frozenset({Permission.CALLS_READ}), of_tenants=False, created_at=NOON, created_by="x"
)


class Office:
    """Users over a store in memory."""

    def __init__(self) -> None:
        self.store, self.facts = MemoryStore(), list[Fact]()
        registry = Registry([Plan("basic")], [Tenant("acme", "basic")])
        self.users = users_of(self.store, registry, Clock(), self.facts)

    async def add(
        self,
        email: str = "ann@acme.example",
        role: str = "admin",
        tenant: str | None = None,
        password: str | None = PASSWORD,
    ) -> User:
        return await self.users.add(NewUser(email, role, tenant, password), named("root"))


async def test_a_new_user_has_their_role_and_a_hash() -> None:
    office = Office()
    user = await office.add("Ann@Acme.example ", "tenant_admin", "acme")
    assert (user.email, user.tenant) == ("ann@acme.example", "acme")
    assert user.password == f"quick:{PASSWORD}"
    assert await office.users.all() == [user]
    principal = user.principal({})
    assert principal.permissions == SHIPPED_ROLES[Role.TENANT_ADMIN]
    assert (principal.name, principal.tenant, principal.ident) == (user.email, "acme", user.id)


async def test_without_a_password_nobody_can_log_in() -> None:
    assert (await Office().add(password=None)).password == ""


async def test_a_role_of_the_site_counts() -> None:
    office = Office()
    await office.store.commit([NIGHT])
    user = await office.add(role="night")
    assert user.principal({"night": NIGHT}).permissions == {Permission.CALLS_READ}
    assert user.principal({}).permissions == frozenset()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"email": "ann"}, "'ann' is no mail address"),
        ({"email": "ann@localhost"}, "is no mail address"),
        ({"email": "a@b@c.example"}, "is no mail address"),
        ({"email": "ann@acme.example\nx"}, "is no mail address"),
        ({"role": "king"}, "role 'king': expected one of super_admin, admin, "),
        ({"role": "tenant_user"}, "role tenant_user is for one tenant: name it"),
        ({"role": "admin", "tenant": "acme"}, "role admin is for all tenants: leave acme out"),
        ({"role": "tenant_user", "tenant": "globex"}, "globex"),
        ({"password": "short"}, "the password has 5 characters"),
    ],
)
async def test_what_cannot_be_is_refused(given: dict[str, str], words: str) -> None:
    office = Office()
    with pytest.raises(AdministrationError, match=words):
        await office.add(**given)
    assert await office.users.all() == []
    assert office.facts == []


async def test_an_address_is_one_users() -> None:
    office = Office()
    await office.add()
    with pytest.raises(AdministrationError, match=r"ann@acme\.example is a user already"):
        await office.add("ANN@ACME.EXAMPLE")


Change = Callable[[Office], Awaitable[User]]
CHANGES: dict[str, Change] = {
    "user password": lambda office: office.users.set_password(
        "Ann@acme.example", "another long one", named("bob")
    ),
    "user disable": lambda office: office.users.disable("ann@acme.example", named("bob")),
}


@pytest.mark.parametrize("action", CHANGES)
async def test_a_change_is_audited_and_told_without_a_secret(action: str) -> None:
    office = Office()
    await office.add()
    changed = await CHANGES[action](office)
    row = office.store.audited[-1]
    assert (row.action, row.actor, row.subject) == (action, "bob", "user ann@acme.example")
    assert "long" not in repr((row, office.facts))
    fact = office.facts[-1]
    assert isinstance(fact, UserChanged)
    assert (fact.action, fact.email, fact.actor) == (action, changed.email, "bob")


async def test_who_is_kept_out_is_let_in_again() -> None:
    office = Office()
    await office.add()
    out = await office.users.disable("ann@acme.example", named("bob"))
    assert await office.users.disable("ann@acme.example", named("bob")) == out
    assert out.disabled_at is not None
    back = await office.users.enable("ann@acme.example", named("bob"))
    assert back.disabled_at is None
    assert await office.users.enable("ann@acme.example", named("bob")) == back
    assert [row.action for row in office.store.audited] == [
        "user add",
        "user disable",
        "user enable",
    ]


async def test_nobody_changes_a_user_who_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="no user 'bob'"):
        await Office().users.disable("bob", named("root"))


def test_addresses_are_read_in_small_letters() -> None:
    assert read_email(" Ann.O'Neil+x@Acme.Co.Example ") == "ann.o'neil+x@acme.co.example"
