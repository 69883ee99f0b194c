"""A statement is read, made and kept: what makes it asks no store and waits for nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house.build import ROOT

SOURCES = ROOT / "src"
BILLING = SOURCES / "pbxbilling" / "billing"
STATEMENTS = (
    "material",
    "open_periods",
    "ends",
    "draft",
    "final",
    "build",
    "adjustments",
    "document",
    "statement",
)
PURE = (
    *sorted((BILLING / "rating").glob("[!_]*.py")),
    *(BILLING / "statements" / f"{name}.py" for name in STATEMENTS),
    BILLING / "periods.py",
    BILLING / "units.py",
)
PORTS = ("ports.py",)
WAITING = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def reached(paths: tuple[Path, ...]) -> set[Path]:
    """Return these modules and all of the program that they import, directly or not."""
    found: set[Path] = set()
    left = list(paths)
    while left:
        path = left.pop()
        if path.is_file() and path not in found:
            found.add(path)
            names = imported(ast.parse(path.read_text()))
            left += [SOURCES / f"{name.replace('.', '/')}.py" for name in names]
    return found


def ports_behind(*paths: Path) -> set[str]:
    """Return the modules of ports which these modules stand on."""
    return {str(one.relative_to(SOURCES)) for one in reached(paths) if one.name in PORTS}


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_what_makes_a_statement_knows_no_port(path: Path) -> None:
    assert ports_behind(path) == set()


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_what_makes_a_statement_never_waits(path: Path) -> None:
    assert [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, WAITING)
    ] == []


def test_every_step_but_reading_and_keeping_is_pure() -> None:
    flows = {"close", "issue", "read", "lookup", "one_offs", "plan_change"}
    files = {path.stem for path in (BILLING / "statements").glob("[!_]*.py")}
    assert files == flows | set(STATEMENTS)


def test_a_port_is_found_behind_another_module() -> None:
    assert "pbxbilling/billing/ports.py" in ports_behind(BILLING / "statements" / "issue.py")
