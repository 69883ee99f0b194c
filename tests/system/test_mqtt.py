"""MQTT on a real Mosquitto, with calls of a real Asterisk: it follows them, never delays them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import pytest

from rig.asterisk import Asterisk
from rig.mosquitto import PASSWORD, USER, Listener, Mosquitto
from rig.program import PROGRAM
from rig.provision import UnprovisionedError
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

STATE = "tenants/acme/state"
AT_ONCE = 3.0  # seconds until a state; a broker that was down is found within those of a backoff
AGAIN = 15.0


def made(directory: Path, *, secure: bool = False) -> Mosquitto:
    """Return a broker, or skip with the reason why it is unavailable."""
    try:
        return Mosquitto(directory, secure=secure)
    except UnprovisionedError as missing:
        pytest.skip(f"no Mosquitto: {missing}")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with made(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def stage(asterisk: Asterisk, broker: Mosquitto, tmp_path: Path) -> Iterator[Stage]:
    """Run a daemon that publishes to this broker; acme may have two calls."""
    with ExitStack() as stack:
        told = f'[mqtt]\nenabled = true\nurl = "{broker.url}"\nqueue = 4\n'
        stage = Stage(asterisk, tmp_path, stack, more=told)
        stage.daemon.apply(accounts("pair"))
        yield stage


def newest_state(listener: Listener) -> dict[str, Any]:
    """Return the newest state of acme that the listener received."""
    heard = listener.heard(STATE)
    state: dict[str, Any] = json.loads(heard[-1].payload) if heard else {}
    return state


def retained_state(broker: Mosquitto) -> dict[str, Any]:
    """Return the state that a new subscriber gets."""
    listener = broker.listen()
    until(lambda: listener.heard(STATE), "a state is retained")
    (first, *_) = listener.heard(STATE)
    assert first.retained
    state: dict[str, Any] = json.loads(first.payload)
    return state


def events(listener: Listener) -> list[tuple[str, dict[str, Any]]]:
    """Return name and keys of every event that the listener received."""
    heard = [message for message in listener.heard() if "/events/" in message.topic]
    return [(m.topic.rpartition("/")[2], json.loads(m.payload)) for m in heard]


def await_calls(listener: Listener, calls: int, timeout_s: float = AT_ONCE) -> None:
    until(
        lambda: newest_state(listener).get("calls") == calls, f"{calls} calls are told", timeout_s
    )


def connected(stage: Stage) -> Callable[[], bool]:
    return lambda: stage.daemon.metric("pbxbilling_mqtt_connected") == 1


def test_states_are_retained_and_events_follow_the_calls(stage: Stage, broker: Mosquitto) -> None:
    listener = broker.listen()
    until(lambda: newest_state(listener).get("plan") == "pair", "the accounts are told")
    first, second = stage.phone.dial(MOBILE), stage.phone.dial(MOBILE)
    assert stage.refused_with() == 486
    await_calls(listener, 2)
    state = retained_state(broker)
    assert (state["calls"], state["limit"], state["status"]) == (2, 2, "active")

    first.hang_up()
    second.hang_up()
    await_calls(listener, 0)
    until(lambda: len(events(listener)) == 5, "every event is told")
    told = events(listener)
    assert [name for name, _ in told] == ["admitted"] * 2 + ["refused"] + ["ended"] * 2
    refused = told[2][1]
    assert (refused["reason"], refused["used"], refused["limit"]) == ("max_calls", 2, 2)
    assert {keys["call"] for _, keys in told[3:]} == {keys["call"] for _, keys in told[:2]}
    until(lambda: newest_state(listener)["minutes"] == "2", "the minutes are told", AT_ONCE)
    assert MOBILE not in "".join(message.payload for message in listener.heard())
    assert told[0][1]["number"] == f"***{MOBILE[-3:]}"

    stage.daemon.put("/tenants/acme/suspension")
    until(lambda: newest_state(listener)["status"] == "suspended", "the block is told", AT_ONCE)
    assert events(listener)[-1][0] == "subscription_changed"


def test_a_broker_outage_touches_no_call_and_states_are_right_afterwards(
    stage: Stage, broker: Mosquitto
) -> None:
    listener = broker.listen()
    here = stage.phone.dial(MOBILE)
    await_calls(listener, 1)
    until(lambda: [name for name, _ in events(listener)] == ["admitted"], "it was told")
    broker.stop()
    until(lambda: stage.daemon.logged("mqtt down"), "the outage is told")

    for _ in range(3):  # six events for a queue of four
        stage.phone.dial(MOBILE).hang_up()
        until(lambda: len(stage.daemon.calls()) == 1, "its slot is free")
    there = stage.phone.dial(MOBILE)
    assert stage.refused_with() == 486
    status = stage.daemon.get("/status")["mqtt"]
    assert (status["connected"], status["queued"], status["dropped"]) == (False, 4, 4)
    assert status["fault"].startswith(broker.url)
    page = subprocess.run(
        [PROGRAM, "status", "-c", stage.daemon.config], capture_output=True, text=True, check=True
    ).stdout
    assert "mqtt: DOWN" in page
    assert "4 events wait, 4 were dropped" in " ".join(page.split())
    assert stage.daemon.metric("pbxbilling_mqtt_dropped_total") == 4

    broker.start()
    until(connected(stage), "it is connected again", AGAIN)
    until(lambda: retained_state(broker)["calls"] == 2, "the state is true again")
    assert len(stage.daemon.logged("mqtt down")) == 1
    assert [line["dropped"] for line in stage.daemon.logged("mqtt up")] == [0, 4]
    assert stage.daemon.metric("pbxbilling_mqtt_queue") == 0

    late = broker.listen()
    here.hang_up()
    there.hang_up()
    await_calls(late, 0)


def test_a_broker_that_reads_nothing_touches_no_call_and_loses_nothing(
    stage: Stage, broker: Mosquitto
) -> None:
    listener = broker.listen()
    until(lambda: newest_state(listener).get("plan") == "pair", "the accounts are told")
    broker.wedge()
    call = stage.phone.dial(MOBILE)
    assert stage.daemon.metric("pbxbilling_admission_seconds_sum") < 0.1
    until(lambda: stage.daemon.logged("mqtt down"), "the silence is told", AGAIN)
    call.hang_up()
    stage.daemon.wait_idle()
    broker.unwedge()
    until(lambda: [name for name, _ in events(listener)][-1:] == ["ended"], "it goes on", AGAIN)
    assert {name for name, _ in events(listener)} == {"admitted", "ended"}
    await_calls(listener, 0)
    assert listener.heard("pbxbilling/status")[-1].payload == "online"
    assert len(stage.daemon.logged("mqtt down")) == 1


@pytest.mark.parametrize("number", [SIGTERM, SIGKILL])
def test_the_end_of_the_daemon_is_told_in_order_or_by_its_last_will(
    stage: Stage, broker: Mosquitto, number: Signals
) -> None:
    listener = broker.listen()

    def status() -> str:
        return listener.heard("pbxbilling/status")[-1:][0].payload

    until(lambda: listener.heard("pbxbilling/status"), "it is online")
    assert status() == "online"
    stage.daemon.stop(number)
    until(lambda: status() == "offline", "its end is told")


def test_a_reload_enables_another_broker_and_none(
    stage: Stage, broker: Mosquitto, tmp_path: Path
) -> None:
    listener = broker.listen()
    until(lambda: newest_state(listener).get("plan") == "pair", "the accounts are told")
    text = stage.daemon.config.read_text()
    with made(tmp_path / "other") as other:
        stage.daemon.config.write_text(text.replace(broker.url, other.url))
        stage.daemon.reload()
        assert retained_state(other)["plan"] == "pair"
        assert listener.heard("pbxbilling/status")[-1].payload == "offline"
        stage.daemon.config.write_text(text.replace("enabled = true", "enabled = false"))
        stage.daemon.reload()
        assert stage.daemon.get("/status")["mqtt"] is None
        stage.phone.dial(MOBILE).hang_up()


def test_over_tls_with_a_password_from_a_file_that_never_shows(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(made(tmp_path / "mosquitto", secure=True))
        secured = (
            f'[mqtt]\nenabled = true\nurl = "{broker.url}"\nusername = "{USER}"\n'
            f'password_file = "{broker.directory}/mqtt.password"\n'
            f'ca_file = "{broker.directory}/ca.pem"\n'
        )
        stage = Stage(asterisk, tmp_path, stack, more=secured)
        stage.daemon.apply(accounts("pair"))
        until(connected(stage), "it is connected")
        assert retained_state(broker)["limit"] == 2

        (broker.directory / "mqtt.password").write_text("another")
        stage.daemon.reload()
        (line,) = until(lambda: stage.daemon.logged("mqtt down"), "it is refused")
        assert "Not authorized" in line["reason"]
        assert "another" not in stage.daemon.log()
        assert PASSWORD not in stage.daemon.log()
        assert stage.daemon.get("/status")["mqtt"]["connected"] is False
