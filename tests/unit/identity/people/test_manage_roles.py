"""Roles of a site's own: copies that can do less, audited, and never a way to more rights."""

from __future__ import annotations

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.people.manage_roles import Roles
from pbxbilling.identity.people.manage_users import NewUser
from pbxbilling.identity.permissions import SHIPPED_ROLES, Permission, Role
from pbxbilling.kernel.audit import AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from tests.support.identity.tokens import users_of
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

ROOT = named("root")


def roles(store: MemoryStore | None = None) -> Roles:
    store = store or MemoryStore()
    return Roles(store.identity_store, store, Clock())


async def test_the_shipped_ones_are_listed_with_the_sites_own_after_them() -> None:
    ours = roles()
    await ours.add("night", ["calls.read"], ROOT, of_tenants=False)
    listed = await ours.all()
    assert [one.name for one in listed] == [*SHIPPED_ROLES, "night"]
    assert [one.name for one in listed if not one.shipped] == ["night"]
    assert listed[-1].permissions == (Permission.CALLS_READ,)


async def test_each_change_is_in_the_audit_trail_and_one_that_changes_nothing_is_not() -> None:
    store = MemoryStore()
    ours = roles(store)
    await ours.add("night", ["calls.read"], ROOT, of_tenants=False)
    await ours.change("night", ["calls.read", "calls.release"], ROOT)
    await ours.change("night", ["calls.release", "calls.read"], ROOT)
    await ours.delete("night", ROOT)
    told = [(row.event, row.subject) for row in store.audited]
    events = AuditEvent.ROLE_CREATED, AuditEvent.ROLE_UPDATED, AuditEvent.ROLE_DELETED
    assert told == [(event, "role night") for event in events]
    assert await ours.all() == await roles().all()


@pytest.mark.parametrize("name", SHIPPED_ROLES)
async def test_a_shipped_one_is_neither_made_again_nor_changed_nor_deleted(name: Role) -> None:
    ours = roles()
    with pytest.raises(AdministrationError, match="is shipped"):
        await ours.add(name, ["calls.read"], ROOT, of_tenants=False)
    with pytest.raises(AdministrationError, match="make a copy"):
        await ours.change(name, ["calls.read"], ROOT)
    with pytest.raises(AdministrationError, match="make a copy"):
        await ours.delete(name, ROOT)


@pytest.mark.parametrize("name", ["", "Night", "night shift", "1st", "n" * 41, "nächt", "a\n"])
async def test_a_name_is_one_that_a_command_can_say(name: str) -> None:
    with pytest.raises(AdministrationError, match="expected small letters"):
        await roles().add(name, ["calls.read"], ROOT, of_tenants=False)


@pytest.mark.parametrize(
    ("permission", "of_tenants"),
    [
        ("users.manage", False),
        ("roles.manage", False),
        ("gateways.manage", False),
        ("pay", False),
        ("calls.release", True),
        ("tenants.write", True),
        ("mode.write", True),
        ("admin", False),
        ("", False),
    ],
)
async def test_no_role_of_a_sites_own_leads_to_more_rights(
    permission: str, of_tenants: bool
) -> None:
    with pytest.raises(AdministrationError, match="can have"):
        await roles().add("night", ["calls.read", permission], ROOT, of_tenants=of_tenants)


async def test_a_role_without_a_permission_is_none() -> None:
    with pytest.raises(AdministrationError, match="no permission"):
        await roles().add("night", [], ROOT, of_tenants=False)


async def test_a_name_is_given_once_and_an_unknown_one_is_named() -> None:
    ours = roles()
    await ours.add("night", ["calls.read"], ROOT, of_tenants=False)
    with pytest.raises(AdministrationError, match="there already"):
        await ours.add("night", ["calls.read"], ROOT, of_tenants=False)
    for command in (ours.change("day", ["calls.read"], ROOT), ours.delete("day", ROOT)):
        with pytest.raises(NotFoundError, match="no role 'day'"):
            await command


async def test_what_a_role_may_is_what_its_users_may_from_then_on() -> None:
    store = MemoryStore()
    ours = roles(store)
    await ours.add("night", ["calls.read"], ROOT, of_tenants=False)
    users = users_of(store, Registry([Plan("p")]), Clock())
    ann = await users.add(NewUser("ann@provider.example", "night"), ROOT)
    await ours.change("night", ["usage.read"], ROOT)
    may = ann.principal(await store.identity_store.roles()).permissions
    assert may == {Permission.USAGE_READ}
    with pytest.raises(
        AdministrationError, match=r"1 users have role night, ann@provider\.example"
    ):
        await ours.delete("night", ROOT)
