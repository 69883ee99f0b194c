"""Regular expressions mean the same in every Python that we support."""

import ast
import re

import pytest

from tests.support.house.build import ROOT

# `(…)*+` and `(?>…)` match too little in Python 3.11.0 to 3.11.4, and Debian 12 has 3.11.2:
# https://github.com/python/cpython/issues/106052. Behind a single character, `[a-z]*+` is sound.
MISREAD = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")
MODULES = sorted((ROOT / "src").rglob("*.py"))


def misread(source: str) -> list[str]:
    """Return the texts in a module that hold such a group; parts of f-strings are texts too."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and MISREAD.search(text)]


def test_no_group_is_possessive() -> None:
    found = {str(path.relative_to(ROOT)): misread(path.read_text()) for path in MODULES}
    assert {path: texts for path, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("source", "is_misread"),
    [
        ('r"(?:a|b)*+c"', True),
        ('rf"(?:{a}:{b})*+"', True),
        ('r"(ab){2,3}+"', True),
        ('r"(?>ab)"', True),
        ('r"(?:[a-z]*+)*"', False),
        ('r".*+\\)"', False),
    ],
)
def test_it_is_found(source: str, is_misread: bool) -> None:
    assert bool(misread(source)) == is_misread
