"""No test demands speed by a limit of its own: every limit against hanging is a patience.

A limit in seconds that is written as a number would hold on the machine of who wrote it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.house.build import ROOT

LIMITED = ("timeout", "wait_for", "settimeout", "wait", "join", "communicate", "result")
"""What is called with a limit in seconds, which comes last."""

FILES = sorted(path for folder in ("tests", "rig") for path in (ROOT / folder).rglob("*.py"))

# Seconds that are what is tested, or what a counterpart has; not how long we are willing to wait.
MEANT: Mapping[str, set[float | str]] = {
    "rig/virtualpbx/hook.py": {2},  # res_agi.c's
    "rig/leg.py": {"_FRAME_S"},  # of audio
    "rig/rsyncd.py": {"PAUSE_S"},  # between two copies
    "tests/support/daemon/supervisor.py": {"_watchdog_s"},
    "tests/support/daemon/throttle.py": {"_STOP_S", "_GO_S"},
    "tests/unit/calls/recovery/test_unseen_ends.py": {"pause_s"},  # as below
    "tests/support/calls/history.py": {1.5, 20.0},  # of a clock that the test moves
    "tests/system/test_rig.py": {0.2},  # that nothing comes
}


def limits(tree: ast.AST) -> Iterator[tuple[int, float | str]]:
    """Yield the line of each limit that is a number or a name of seconds, and what it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        found = [one.value for one in node.keywords if one.arg == "timeout"]
        if name in LIMITED and len(node.args) == 1 + (name == "wait_for"):
            found.append(node.args[-1])
        for value in found:
            named = getattr(value, "id", getattr(value, "attr", ""))
            if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
                yield node.lineno, value.value
            elif named.lower().endswith("_s"):
                yield node.lineno, named


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_limit_is_a_patience(path: Path) -> None:
    meant = MEANT.get(str(path.relative_to(ROOT)), set())
    numbers = dict(limits(ast.parse(path.read_text())))
    assert {line: value for line, value in numbers.items() if value not in meant} == {}


def test_a_number_is_found_and_a_patience_is_not() -> None:
    text = "asyncio.timeout(5)\nx.settimeout(2)\nrun(timeout=1)\nq.wait_for(a, 4)"
    assert [value for _, value in limits(ast.parse(text))] == [5, 2, 1, 4]
    assert [value for _, value in limits(ast.parse("asyncio.timeout(self.limit_s)"))] == ["limit_s"]
    fine = "asyncio.timeout(patience_s(5))\nrun(timeout=patience_s(LIMIT_S))\nevent.wait()"
    assert list(limits(ast.parse(fine))) == []
