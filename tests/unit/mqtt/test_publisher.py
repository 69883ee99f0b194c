"""The sink before the broker: it never waits, and its published state is correct in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from pbxbilling.calls.tenant_state import TenantStates
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import ConfigReloaded
from pbxbilling.mqtt.publisher import REVIEW_S, STATES_PER_S, Publisher
from pbxbilling.mqtt.settings import BrokerSettings
from rig.waiting import patience_s
from tests.support.calls.world import World, plan
from tests.support.kernel.samples import AT
from tests.support.mqtt.broker import FakeBroker
from tests.support.telemetry.facts import decided

SETTINGS = BrokerSettings("broker", 1883, backoff_min_s=0.001, backoff_max_s=0.002)


class Heard:
    """The reports that an observer received."""

    def __init__(self) -> None:
        self.up: list[int] = []
        self.down: list[str] = []

    def broker_up(self, broker: str, dropped: int) -> None:
        self.up.append(dropped)

    def broker_down(self, broker: str, reason: str) -> None:
        self.down.append(reason)


class Stand:
    """A world whose facts go to a publisher, and a broker for it."""

    def __init__(self, *tenants: str, settings: BrokerSettings = SETTINGS) -> None:
        self.world = World(Mode.ENFORCE, plan(max_calls=3), tenants or ("acme",))
        self.broker = FakeBroker()
        self.heard = Heard()
        world = self.world
        self.publisher = Publisher(
            settings,
            TenantStates(world.ledger, world.in_force, world.allowances, world.clock),
            lambda number: f"masked {len(number)}",
            self.heard,
            world.clock,
            Random(1),
            connect=self.broker.open,
        )

    def hook(self, uniqueid: str, tenant: str = "acme") -> None:
        """Run a hook, and publish every fact of it."""
        self.world.hook(uniqueid, tenant)
        self.tell()

    def tell(self) -> None:
        facts, self.world.facts[:] = list(self.world.facts), []
        for fact in facts:
            self.publisher.sink(fact)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.publisher.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def until(true: Callable[[], object]) -> None:
    """Let other tasks run until the condition holds."""
    async with asyncio.timeout(patience_s(5)):
        while True:
            if true():
                return
            await asyncio.sleep(0)


async def test_on_connect_it_says_online_and_tells_every_state() -> None:
    stand = Stand("acme", "globex")
    stand.hook("1")
    async with stand.running():
        await until(lambda: stand.broker.states("globex"))
        assert stand.broker.status == b"online"
        assert [state["calls"] for state in stand.broker.states("acme")] == [1]
        assert stand.heard.up == [0]


async def test_events_arrive_in_order_and_the_state_follows() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        for number in range(5):
            stand.hook(str(number))
        await until(lambda: len(stand.broker.events) == 5)
        names = [name for name, _ in stand.broker.events]
        assert names == ["admitted"] * 3 + ["refused"] * 2
        stand.world.clock.passed_s += 1  # what the pace held back leaves then
        stand.publisher.sink(decided())
        await until(lambda: stand.broker.states()[-1]["calls"] == 3)


async def test_a_state_is_told_again_only_where_it_differs() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.world.clock.passed_s += 1
        stand.publisher.sink(ConfigReloaded(AT, Mode.ENFORCE))
        stand.publisher.sink(decided())
        await until(lambda: stand.broker.events)
        assert len(stand.broker.states()) == 1


async def test_the_turn_of_a_month_shows_without_a_fact() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.world.clock.passed_s += 30 * 86_400
        stand.publisher.sink(decided())  # wakes it, as its own timer would
        await until(lambda: len(stand.broker.states()) == 2)
        assert [state["month"] for state in stand.broker.states()] == ["2026-11", "2026-12"]


async def test_no_more_states_leave_a_second_than_the_pace_allows() -> None:
    tenants = [f"t{number}" for number in range(500)]
    stand = Stand(*tenants)
    async with stand.running():
        burst = int(STATES_PER_S / 10)
        await until(lambda: len(stand.broker.taken) == 1 + burst)
        stand.publisher.sink(decided(tenant="t0"))
        await until(lambda: stand.broker.events)
        assert len([m for m in stand.broker.taken if m.retain]) == 1 + burst


async def test_during_an_outage_of_the_broker_events_wait_and_it_is_reported_once() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.broker.fall()
        await until(lambda: len(stand.broker.opened) > 5)
        assert len(stand.heard.down) == 1
        stand.hook("1")
        view = stand.publisher.view()
        assert view is not None
        assert (view.connected, view.queued, view.dropped) == (False, 1, 0)
        assert view.fault == "mqtt://broker:1883: Connection refused"

        stand.broker.is_away = False
        stand.world.clock.passed_s += 1
        await until(lambda: stand.broker.events)
        await until(lambda: stand.broker.states()[-1]["calls"] == 1)
        assert (len(stand.heard.up), len(stand.heard.down)) == (2, 1)
        assert all(connection.dropped for connection in stand.broker.connections[:-1])


async def test_dropped_messages_are_counted_and_reported_when_the_broker_is_back() -> None:
    stand = Stand(settings=replace(SETTINGS, queue=2))
    stand.broker.is_away = True
    async with stand.running():
        await until(lambda: stand.heard.down)
        for number in range(5):
            stand.hook(str(number))
        stand.broker.is_away = False
        await until(lambda: len(stand.broker.events) == 2)
        assert [keys["uniqueid"] for _, keys in stand.broker.events] == ["3", "4"]
        assert stand.heard.up == [3]


async def test_a_stuck_broker_delays_nothing_and_loses_nothing() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.broker.takes.clear()
        for number in range(3):
            stand.hook(str(number))
            await asyncio.sleep(0)
        stand.broker.fall()
        await until(lambda: stand.heard.down)
        stand.broker.is_away = False
        stand.broker.takes.set()
        await until(lambda: len(stand.broker.events) == 3)
        assert [keys["uniqueid"] for _, keys in stand.broker.events] == ["0", "1", "2"]


async def test_leaving_sends_what_waits_and_says_offline() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.hook("1")
        await stand.publisher.leave()
        assert len(stand.broker.events) == 1
        assert stand.broker.taken[-1].payload == b"offline"


async def test_leaving_waits_for_no_broker_that_is_not_there() -> None:
    stand = Stand(settings=replace(SETTINGS, backoff_min_s=60, backoff_max_s=60))
    stand.broker.takes.clear()
    async with stand.running(), asyncio.timeout(patience_s(1)):
        await until(lambda: stand.broker.opened)
        await stand.publisher.leave()


async def test_a_reload_that_disables_it_says_offline_and_forgets_the_queue() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.publisher.change(None)
        await until(lambda: stand.broker.status == b"offline")
        stand.hook("1")
        assert stand.publisher.view() is None
        stand.publisher.change(SETTINGS)
        await until(lambda: stand.broker.status == b"online")
        await until(lambda: len(stand.broker.states()) > 1)
        assert stand.broker.events == []


async def test_a_reload_with_the_same_settings_leaves_the_connection_alone() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.publisher.change(replace(SETTINGS))
        stand.publisher.sink(decided())
        await until(lambda: stand.broker.events)
        assert len(stand.broker.opened) == 1


async def test_another_broker_gets_all_states_again() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.publisher.change(BrokerSettings("other", 1883))
        await until(lambda: len(stand.broker.states()) == 2)
        assert [settings.host for settings in stand.broker.opened] == ["broker", "other"]
        assert [m.payload for m in stand.broker.taken if b"line" in m.payload] == [
            b"online", b"offline", b"online",
        ]  # fmt: skip


async def test_online_is_published_again_after_a_late_last_will() -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        stand.world.clock.passed_s += REVIEW_S
        stand.publisher.sink(decided())
        await until(lambda: [m.payload for m in stand.broker.taken].count(b"online") == 2)


async def test_a_bug_is_reported_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    async with stand.running():
        await until(stand.broker.states)
        with monkeypatch.context() as broken:
            broken.setattr("pbxbilling.mqtt.publisher.event_message", lambda *_: 1 / 0)
            stand.publisher.sink(decided())
            await until(lambda: stand.heard.down)
        assert "ZeroDivisionError" in stand.heard.down[0]
        stand.publisher.sink(decided())
        await until(lambda: stand.broker.events)
