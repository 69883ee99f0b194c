"""The order of the sources: where things belong, the size of a folder, the banned words."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house.build import ROOT, to_be_compiled

SOURCES = ROOT / "src" / "pbxbilling"
MODULES = sorted(SOURCES.rglob("*.py"))
FACES = ("__init__.py", "__main__.py")
MIGRATIONS = SOURCES / "store" / "migrations" / "versions"  # one change of the schema each

# These keep their paths, whatever else moves: packages, units and people refer to them.
FIXED = (
    "pyproject.toml",
    "src/pbxbilling/agi/",
    "src/pbxbilling/ami/",
    "deploy/systemd/",
    "config/",
    "tests/",
)
# The packages that the README's table lists, used or substituted.
PACKAGES = (
    "panoramisk", "aiomqtt", "FastAPI", "uvicorn", "SQLAlchemy", "Alembic", "aiosqlite",
    "structlog", "prometheus-client", "pydantic", "typer",
)  # fmt: skip


@pytest.mark.parametrize("path", FIXED)
def test_fixed_paths_are_there(path: str) -> None:
    place = ROOT / path
    assert place.is_dir() if path.endswith("/") else place.is_file()


def test_the_readme_answers_for_every_package_that_was_named() -> None:
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| ")]
    assert [name for name in PACKAGES if not any(name in row for row in rows)] == []
    declared = (ROOT / "pyproject.toml").read_text().lower()
    assert [name for name in PACKAGES if f'"{name.lower()}' not in declared] == []


def test_every_subject_and_adapter_says_what_it_is() -> None:
    rooms = [place for place in SOURCES.iterdir() if (place / "__init__.py").exists()]
    assert len(rooms) > 20
    for room in rooms:
        lines = (room / "README.md").read_text().splitlines()
        assert 10 <= len(lines) <= 20, room.name


def test_the_package_root_has_no_loose_module() -> None:
    assert {path.name for path in SOURCES.glob("*.py")} <= set(FACES)


def test_unit_tests_mirror_the_tree() -> None:
    """A folder of tests has the path of the folder that it tests, a file that of its module."""
    unit = ROOT / "tests" / "unit"
    tests = sorted({*unit.rglob("test_*.py")} - {*(unit / "house").glob("*.py")})
    assert len(tests) > 100
    astray = []
    for test in tests:
        folder = test.parent.relative_to(unit)
        tested = (SOURCES / folder, ROOT / folder, ROOT / "tests" / folder)
        modules = list((SOURCES / folder).rglob(test.name.removeprefix("test_")))
        of_another = len(modules) == 1 and modules[0].parent != SOURCES / folder
        if of_another or not any(map(Path.is_dir, tested)):
            astray.append(str(test.relative_to(unit)))
    assert astray == []


def test_no_two_tests_outside_a_package_have_one_name() -> None:
    """pytest collects only one of them, and fails."""
    tests = (ROOT / "tests").rglob("test_*.py")
    names = [path.name for path in tests if not (path.parent / "__init__.py").exists()]
    assert sorted(name for name, number in Counter(names).items() if number > 1) == []


def test_support_modules_mirror_the_tree() -> None:
    """A module that helps tests stands in a folder with the path of the folder that they test."""
    support, unit = ROOT / "tests" / "support", ROOT / "tests" / "unit"
    modules = sorted({*support.rglob("*.py")} - {*support.rglob("__init__.py")})
    assert len(modules) > 50
    folders = {module.parent.relative_to(support) for module in modules}
    astray = [each for each in folders if not any((at / each).is_dir() for at in (SOURCES, unit))]
    assert [*astray, *support.glob("[!_]*.py")] == []


def test_no_drawer_has_more_than_fifteen_files() -> None:
    drawers = {path.parent for path in MODULES} - {MIGRATIONS}
    counted = {
        drawer: len([p for p in drawer.glob("*.py") if p.name not in FACES]) for drawer in drawers
    }
    assert {drawer for drawer, files in counted.items() if files > 15} == set()


def test_no_file_is_shorter_than_thirty_lines_but_faces_and_migrations() -> None:
    short = [
        str(path.relative_to(SOURCES))
        for path in MODULES
        if path.name not in FACES
        and MIGRATIONS not in path.parents
        and len(path.read_text().splitlines()) < 30
    ]
    assert short == []


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def keeps_its_arguments_only(made: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether it is a value's `__init__`, hand-written for the compiler: a field each."""
    return all(
        isinstance(line, ast.Assign)
        and isinstance(line.targets[0], ast.Attribute)
        and isinstance(line.value, ast.Name)
        and line.targets[0].attr == line.value.id
        for line in made.body
    )


def too_many_parameters(tree: ast.AST) -> list[int]:
    return [
        made.lineno
        for made in functions(tree)
        if made.name == "__init__"
        and len(made.args.args) + len(made.args.kwonlyargs) - 1 > 7
        and not keeps_its_arguments_only(made)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_no_constructor_takes_more_than_seven(path: Path) -> None:
    assert too_many_parameters(ast.parse(path.read_text())) == []


def test_only_value_classes_may_have_more_than_seven_parameters() -> None:
    names = ", ".join(f"p{n}" for n in range(8))
    kept = "; ".join(f"self.p{n} = p{n}" for n in range(8))
    value = f"class A:\n    def __init__(self, {names}): {kept}"
    assert too_many_parameters(ast.parse(value)) == []
    assert too_many_parameters(ast.parse(value.replace("self.p0", "self._q"))) == [2]


def test_the_daemon_is_joined_on_one_page() -> None:
    tree = ast.parse((SOURCES / "daemon" / "daemon.py").read_text())
    (made,) = (one for one in functions(tree) if one.name == "__init__")
    assert made.end_lineno is not None
    assert made.end_lineno - made.lineno < 40


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_private_functions_have_verbs_of_the_trade(path: Path) -> None:
    words = ("_tell", "_told", "_keep", "_known")
    named = [one.name for one in functions(ast.parse(path.read_text()))]
    assert [name for name in named if name.startswith(words)] == []


def test_what_is_compiled_is_whole_folders() -> None:
    folders = {Path(path).parent for path in to_be_compiled()}
    for folder in folders:
        assert {str(p.relative_to(ROOT)) for p in (ROOT / folder).glob("*.py")} <= set(
            to_be_compiled()
        )
    assert {"agi", "ami", "calls", "kernel"} <= {folder.parts[2] for folder in folders}
