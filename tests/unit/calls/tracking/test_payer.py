"""The payer of a hook: from the argument, the channel's own marks, the call around it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.kernel.codes import Direction, Mode, Reason
from tests.support.calls.world import World, plan

KNOWN_BY = {
    "acme": {"accountcodes": ("acme", "ACME-1"), "dids": ("100",), "contexts": ("from-acme",)},
    "globex": {"accountcodes": ("globex",), "dids": ("200",), "contexts": ("from-globex",)},
    "initech": {"dids": ("300",), "contexts": ("from-initech",)},
}
IN, INTERNAL = Direction.INBOUND, Direction.INTERNAL
FAR_END = "Local/0155501@from-acme-0;2"


def three() -> World:
    """Return a world whose tenants are known by the marks in KNOWN_BY."""
    world = World(Mode.ENFORCE, plan(), tuple(KNOWN_BY))
    registry = world.in_force.registry
    for slug, known in KNOWN_BY.items():
        registry.put_tenant(replace(registry.tenants[slug], **known))  # type: ignore[arg-type]
    return world


def pays(world: World, uniqueid: str, **asks: object) -> str:
    """Return the tenant that the verdict names."""
    tenant = asks.pop("tenant", "")
    return world.hook(uniqueid, tenant, **asks).tenant  # type: ignore[arg-type]


def born(world: World, uniqueid: str, name: str = "", code: str = "", context: str = "") -> None:
    """Create a channel as Newchannel shows it: with the account code of its endpoint."""
    seen = world.seen(uniqueid, name)._replace(
        accountcode=code, context=context, linkedid="1", state=0
    )
    world.born(seen)


def globex_calls(world: World, *, code: str = "globex") -> ChannelSeen:
    """Let globex' phone, channel 1, dial acme's phone, channel 2."""
    caller = world.seen("1")._replace(accountcode=code, context="from-globex")
    world.born(caller)
    world.hook("1", "globex", INTERNAL, number="11", accountcode=code, context="from-globex")
    born(world, "2", code="acme", context="from-acme")
    world.dials(caller, world.seen("2")._replace(accountcode=code or "acme", linkedid="1"))
    return caller


@pytest.mark.parametrize("word", ["acme", "ACME-1"])
def test_the_argument_is_a_slug_or_an_account_code_and_goes_before_all_else(word: str) -> None:
    world = three()
    assert pays(world, "1", tenant=word, accountcode="globex", context="from-globex") == "acme"


def test_a_slug_is_no_other_tenants_account_code() -> None:
    tenant = World(Mode.ENFORCE, plan()).in_force.registry.tenants["acme"]
    other = replace(tenant, slug="globex", accountcodes=("acme",))
    assert Registry((), (tenant, other)).named("acme") == "acme"


def test_an_argument_that_nobody_knows_leaves_it_to_the_channel() -> None:
    assert pays(three(), "1", tenant="nobody", accountcode="globex") == "globex"


def test_an_inbound_hook_is_judged_by_its_did_first() -> None:
    world = three()
    told = {"accountcode": "globex", "context": "from-globex"}
    assert pays(world, "1", direction=IN, number="300", **told) == "initech"
    assert pays(world, "2", direction=IN, number="999", **told) == "globex"
    assert pays(world, "3", number="300", **told) == "globex"  # the outgoing party dialled it


@pytest.mark.parametrize("code", ["globex", ""])
def test_the_forwarding_party_pays_and_not_the_caller(code: str) -> None:
    world = three()
    globex_calls(world, code=code)
    born(world, "3", FAR_END, context="from-acme")
    asks = {"name": FAR_END, "linkedid": "1", "accountcode": code, "context": "from-acme"}
    assert pays(world, "3", **asks) == "acme"
    assert {call.tenant for call in world.ledger.calls.values()} == {"acme", "globex"}


def test_a_channel_of_another_tenant_under_a_linkedid_pays_for_itself() -> None:
    world = three()
    world.hook("1", "globex")
    assert pays(world, "2", linkedid="1", accountcode="acme") == "acme"


def test_the_account_code_that_a_channel_was_born_with_is_its_own() -> None:
    world = three()
    caller = globex_calls(world)  # Dial overwrote it with the caller's
    told = signals.AccountCode(ChannelKey("pbx1", "2"), "globex", world.stamp())
    world.tracker.apply(told)
    assert pays(world, "2", linkedid=caller.linkedid, accountcode="globex") == "acme"


def test_what_dial_hands_on_is_no_evidence() -> None:
    """globex calls a DID of initech; the phone has globex' code from Dial, and forwards."""
    world = three()
    caller = world.seen("1")._replace(accountcode="globex", context="from-globex")
    world.born(caller)
    asked = {"accountcode": "globex", "context": "dids"}
    world.hook("1", "globex", number="300", accountcode="globex", context="from-globex")
    assert pays(world, "1", direction=IN, number="300", **asked) == "initech"
    far_end = "Local/0155501@shared-0;2"
    born(world, "3", far_end, context="shared")
    asks = {"name": far_end, "linkedid": "1", "accountcode": "globex", "context": "shared"}
    assert pays(world, "3", **asks) == "initech"


def test_a_number_whose_dialplan_goes_out_again_pays_for_that() -> None:
    """The caller's own account code and context occur a second time, and prove nothing."""
    world = three()
    own = {"accountcode": "globex", "context": "from-globex"}
    born(world, "1", code="globex", context="from-globex")
    assert pays(world, "1", direction=IN, number="300", **own) == "initech"
    assert pays(world, "1", **own) == "initech"


def test_a_site_that_gives_a_channel_another_account_code_means_it() -> None:
    world = three()
    born(world, "1", code="globex")
    assert pays(world, "1", accountcode="acme") == "acme"
    assert pays(world, "1", accountcode="acme") == "acme"


def test_who_was_transferred_to_another_tenants_context_calls_for_that_one() -> None:
    world = three()
    globex_calls(world)
    asks = {"accountcode": "globex", "context": "from-acme"}
    assert pays(world, "1", **asks) == "acme"


def test_a_transferred_trunk_leg_stays_with_its_call() -> None:
    world = three()
    caller = globex_calls(world)
    trunk = world.seen("3", "PJSIP/carrier-3", state=0)._replace(linkedid="1")
    world.dials(caller, trunk._replace(accountcode="globex"))
    world.hangs_up(caller)
    asks = {"name": trunk.name, "linkedid": "1", "accountcode": "globex"}
    assert pays(world, "3", **asks, context="shared") == "globex"


def test_a_click_to_call_is_its_that_answered() -> None:
    world = three()
    one, two = "Local/11@shared-0;1", "Local/11@shared-0;2"
    for uniqueid, name in (("1", one), ("2", two)):
        born(world, uniqueid, name, context="shared")
    world.local(world.seen("1", one), world.seen("2", two))
    world.dials(None, world.seen("1", one))
    phone = world.seen("3")._replace(accountcode="acme", linkedid="1", state=0)
    world.born(phone)
    world.dials(world.seen("2", two), phone)
    assert len(world.ledger.calls) == 1
    world.in_force.registry.put_tenant(
        replace(world.in_force.registry.tenants["acme"], blocks=frozenset({Blocker.OPERATOR}))
    )
    verdict = world.hook("1", "", name=one, context="shared")
    assert (verdict.tenant, verdict.reason, verdict.cause) == ("acme", Reason.SUSPENDED, 17)


def test_a_call_without_a_tenant_gets_the_one_that_another_channel_names() -> None:
    world = three()
    world.hook("1", "", accountcode="later")
    tenant = world.in_force.registry.tenants["acme"]
    world.in_force.registry.put_tenant(replace(tenant, accountcodes=("later",)))
    assert pays(world, "2", linkedid="1") == "acme"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["phone", "local", "trunk"]),
            st.sampled_from(["", "acme", "ACME-1"]),
            st.sampled_from(["from-acme", "shared"]),
            st.sampled_from([Direction.OUTBOUND, INTERNAL]),
        ),
        max_size=6,
    )
)
def test_what_one_tenant_hands_on_leaves_its_call_one(hooks: list[tuple[str, ...]]) -> None:
    world = three()
    world.hook("1", "", accountcode="acme", context="from-acme")
    for number, (kind, code, context, direction) in enumerate(hooks, 2):
        name = {
            "phone": f"PJSIP/acme{number}-{number}",
            "local": f"Local/0155501@{context}-{number};2",
            "trunk": f"PJSIP/carrier-{number}",
        }[kind]
        asks = {"name": name, "linkedid": "1", "accountcode": code, "context": context}
        assert pays(world, str(number), direction=Direction(direction), **asks) == "acme"
    assert len(world.ledger.calls) == 1
