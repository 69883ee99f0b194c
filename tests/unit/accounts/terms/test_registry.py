"""Many changes are made on a copy, and come in force in one step."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan

PLAN = Plan("basic", limits=Limits(max_calls=3))
ACME = Tenant("acme", "basic", accountcodes=("1",), dids=("+15550101",), contexts=("from-acme",))
GLOBEX = Tenant("globex", "basic")


def copied(registry: Registry) -> Registry:
    copy = Registry()
    while copy.copy_some(registry):
        pass
    return copy


def max_calls(registry: Registry, slug: str) -> int | None:
    terms = registry.terms(slug)
    assert terms is not None
    return terms.limits.max_calls


def owners(registry: Registry) -> list[str | None]:
    return [
        registry.owner("1"),
        registry.owner(did="+15550101"),
        registry.owner("", "", "from-acme"),
    ]


def test_a_change_of_a_copy_is_in_force_with_the_swap_and_not_before() -> None:
    registry = Registry([PLAN], [ACME, GLOBEX])
    assert (max_calls(registry, "acme"), owners(registry)) == (3, ["acme"] * 3)
    copy = copied(registry)
    copy.put_plan(replace(PLAN, limits=Limits(max_calls=9)))
    copy.put_tenant(replace(ACME, accountcodes=(), dids=(), contexts=()))
    taker = replace(GLOBEX, accountcodes=("1",), dids=("+15550101",), contexts=("from-acme",))
    copy.put_tenant(taker)
    assert (max_calls(registry, "acme"), owners(registry)) == (3, ["acme"] * 3)
    assert registry.tenants == {"acme": ACME, "globex": GLOBEX}
    registry.swap(copy)
    assert (max_calls(registry, "acme"), owners(registry)) == (9, ["globex"] * 3)
    assert registry.tenants["globex"] is taker
    assert (max_calls(copy, "acme"), owners(copy)) == (3, ["acme"] * 3)


def test_calls_are_judged_between_the_tables_of_a_copy() -> None:
    registry, copy, judged = Registry([PLAN], [ACME, GLOBEX]), Registry(), 0
    while copy.copy_some(registry):
        assert (max_calls(registry, "acme"), owners(registry)) == (3, ["acme"] * 3)
        judged += 1
    assert judged == 5
    assert (max_calls(copy, "acme"), owners(copy)) == (3, ["acme"] * 3)


def test_what_was_replaced_is_forgotten_in_parts() -> None:
    registry = Registry([PLAN], [replace(GLOBEX, slug=f"t{number}") for number in range(2500)])
    for slug in registry.tenants:
        registry.terms(slug)
    other = copied(registry)
    parts = 1
    while other.forget_some():
        parts += 1
    assert (parts, len(other.tenants)) == (6, 0)
    assert len(registry.tenants) == 2500
    assert max_calls(registry, "t7") == 3
