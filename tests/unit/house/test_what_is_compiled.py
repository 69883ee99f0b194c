"""What may be compiled: docs/decisions/0011-a-compiled-core.md."""

import ast

import pytest

from tests.support.house.build import ROOT, to_be_compiled

SUSPENDED = (ast.AsyncFunctionDef, ast.Await, ast.Yield, ast.YieldFrom)


def suspended(tree: ast.AST) -> list[ast.AST]:
    """Return what may suspend, except a protocol's signatures, which never run."""
    protocols = [
        node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and is_protocol(node)
    ]
    signatures = {function for protocol in protocols for function in protocol.body}
    return [
        node for node in ast.walk(tree) if isinstance(node, SUSPENDED) and node not in signatures
    ]


def is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


@pytest.mark.parametrize("path", to_be_compiled())
def test_nothing_in_it_awaits_or_yields(path: str) -> None:
    assert suspended(ast.parse((ROOT / path).read_text())) == []


def test_a_signature_is_not_found_and_all_else_is() -> None:
    signature = "class Port(Protocol):\n    async def ask(self) -> int: ..."
    assert suspended(ast.parse(signature)) == []
    for text in (
        "async def ask() -> None: ...",
        "class A:\n    async def ask(self): ...",
        "def f(): yield",
    ):
        assert suspended(ast.parse(text))
