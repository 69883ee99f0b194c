"""What the hook server reports of strangers: a line for each address, and no flood of them."""

from __future__ import annotations

from typing import Any

import orjson

from pbxbilling.agi.sessions.session import Ending
from pbxbilling.telemetry.facts.counters import Counters
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.observers import STRANGERS_MOST, HookWatch
from tests.support.kernel.clock import Clock


class Output:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        self.lines.append(orjson.loads(line))


def watch() -> tuple[HookWatch, Output]:
    output = Output()
    return HookWatch(Log(output, Clock(), "json", "info"), Counters()), output


def test_each_stranger_has_one_line() -> None:
    hooks, output = watch()
    for _ in range(3):
        hooks.stranger(Ending.REFUSED_PEER, "192.0.2.1")
        hooks.stranger(Ending.WRONG_TOKEN, "192.0.2.1")
        hooks.stranger(Ending.WRONG_TOKEN, "::1")
    said = [(line["level"], line["event"].partition(":")[0], line["peer"]) for line in output.lines]
    assert said == [
        ("warning", "hook of a peer that agi.allow does not list", "192.0.2.1"),
        ("warning", "hook without the token of agi.token_file", "192.0.2.1"),
        ("warning", "hook without the token of agi.token_file", "::1"),
    ]


def test_a_scan_from_everywhere_does_not_fill_the_log() -> None:
    hooks, output = watch()
    for number in range(2 * STRANGERS_MOST):
        hooks.stranger(Ending.REFUSED_PEER, f"192.0.2.{number}")
    assert len(output.lines) == STRANGERS_MOST
