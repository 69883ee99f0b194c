"""The documentation lists every topic and key, and no other."""

import json
import re
from pathlib import Path

from pbxbilling.mqtt.messages import EVENTS, ONLINE, MqttMessage, event_message, state_message
from tests.support.calls.tenant_state import STATE
from tests.support.telemetry.facts import decided, one_of_each

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "mqtt.md").read_text()


def named(heading: str) -> set[str]:
    """Return the names in the first column of a section's table."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def keys(*messages: MqttMessage) -> set[str]:
    said = {key for message in messages for key in json.loads(message.payload)}
    return said - {"at", "tenant"}


def test_the_tables_name_every_key_and_no_other() -> None:
    events = [event_message(fact, str) for fact in one_of_each() if type(fact) in EVENTS]
    assert named("State") == keys(state_message(STATE))
    assert named("Events") == keys(*events)


def test_the_table_names_every_topic() -> None:
    events = [
        event_message(fact, str) for fact in [decided(), *one_of_each()] if type(fact) in EVENTS
    ]
    sent = {message.topic for message in (ONLINE, state_message(STATE), *events)}
    assert {topic.replace("/acme/", "/TENANT/") for topic in sent} <= named("Topics")
