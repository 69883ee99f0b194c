"""The list of the audit trail's events: the code writes each of them, and the page explains it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pbxbilling.kernel.audit import AuditEvent

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "pbxbilling"
PAGE = ROOT / "docs/reference/audit.md"


def written() -> set[str]:
    """Return the events that any module names, but for the one that lists them."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        if path == SOURCES / "kernel/audit.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            of = node.value if isinstance(node, ast.Attribute) else None
            if isinstance(node, ast.Attribute) and isinstance(of, ast.Name):
                found |= {AuditEvent[node.attr].value} if of.id == "AuditEvent" else set()
    return found


def test_the_code_writes_each_event_of_the_list_and_no_other() -> None:
    assert written() == set(AuditEvent)


def test_the_page_explains_each_event() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    explained = [name for line in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", line)]
    assert sorted(explained) == sorted(AuditEvent)
