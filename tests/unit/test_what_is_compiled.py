"""What may be compiled: docs/decisions/0011-a-compiled-core.md."""

import ast

import pytest

from tests.support.build import ROOT, to_be_compiled

SUSPENDED = (ast.AsyncFunctionDef, ast.Await, ast.Yield, ast.YieldFrom)


@pytest.mark.parametrize("path", to_be_compiled())
def test_nothing_in_it_awaits_or_yields(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, SUSPENDED)]
