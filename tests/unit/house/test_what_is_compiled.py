"""What may be compiled: docs/decisions/0011-a-compiled-core.md."""

import ast
import re

import pytest

from tests.support.house.build import ROOT, to_be_compiled

_SURROGATE = re.compile(r"[\ud800-\udfff]")
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


def surrogates(tree: ast.AST) -> list[str]:
    """Return the texts that mypyc cannot compile."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and _SURROGATE.search(text)]


@pytest.mark.parametrize("path", to_be_compiled())
def test_no_text_in_it_has_a_surrogate(path: str) -> None:
    assert surrogates(ast.parse((ROOT / path).read_text())) == []


def test_a_surrogate_is_found() -> None:
    assert surrogates(ast.parse(r'"a\ud800"')) == ["a\ud800"]
    assert surrogates(ast.parse(r'r"a\ud800"')) == []
