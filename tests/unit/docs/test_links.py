"""Every relative link of every page leads to a file that is there, and to an anchor in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "src").rglob("*.md"),
        *(ROOT / "config").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
    ]
)
FOLDERS = {"start", "guides", "reference", "decisions"}
OLDER_RELEASE = ROOT / "tests" / "system" / "of_0_1"  # names the pages of its own time
# Files in which people read the path of a page.
NAMING = (".py", ".md", ".toml", ".conf", ".service", ".yml", ".json", ".sh")


def lines_outside_fences(text: str) -> Iterator[str]:
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield line


def links(text: str) -> list[str]:
    """Targets of links within the project."""
    prose = "\n".join(re.sub(r"`[^`]*`", "", line) for line in lines_outside_fences(text))
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    found: set[str] = set()
    for line in lines_outside_fences(page.read_text()):
        if heading := re.match(r"#+ (.*)", line):
            found.add(slug(heading[1]))
        found |= set(re.findall(r'<a id="([^"]+)">', line))
    return frozenset(found)


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    wrong = []
    for target in links(page.read_text()):
        path, _, anchor = target.partition("#")
        place = Path(os.path.normpath(page.parent / path)) if path else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_broken_links_and_anchors_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page, and more\n[a](page.md#a-page-and-more) [b](#a-page) [c](gone.md) [d](https://x)\n"
        "```\n[e](in-a-block.md)\n```\n`[f](in-code.md)` [g](page.md)\n"
    )
    assert broken(page) == ["#a-page", "gone.md"]


def test_pages_stand_in_the_four_folders() -> None:
    pages = {path.relative_to(DOCS) for path in DOCS.rglob("*.md")}
    assert {str(p) for p in pages if len(p.parts) == 1} == {"README.md", "architecture.md"}
    assert {p.parts[0] for p in pages if len(p.parts) > 1} == FOLDERS


def test_the_index_names_every_page() -> None:
    index = DOCS / "README.md"
    named = {(index.parent / target).resolve() for target in links(index.read_text())}
    assert {path for path in DOCS.rglob("*.md") if path != index} <= named


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def paths_named(text: str) -> set[str]:
    """Paths of pages, as code, comments and messages write them."""
    return set(re.findall(r"(?<![\w./-])docs/[\w./-]+\.md", text))


@pytest.mark.parametrize("folder", ["src", "config", "deploy", "bench", "rig", "tests", "docs"])
def test_pages_that_files_name_are_there(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in NAMING]
    own = [path for path in files if OLDER_RELEASE not in path.parents]
    named = {name for path in own for name in paths_named(path.read_text())}
    assert {name for name in named if not (ROOT / name).exists()} == set()
