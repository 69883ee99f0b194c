"""What a newcomer types stands in the pages, and rig/newcomer.py runs all of it."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from rig import packages
from rig.newcomer import CHECKOUT, FIRST_CALL, PACKAGE, TRIED_ELSEWHERE, left_by_hand
from rig.pages import SHELL, blocks, commands, fences

ROOT = Path(__file__).parents[3]


def typed(page: str, heading: str) -> list[str]:
    return [one for text in blocks(page, heading, SHELL) for one in commands(text)]


def test_the_readme_begins_with_apt_install() -> None:
    first = next(fence for fence in fences("README.md") if fence.language == SHELL)
    assert (first.heading, commands(first.text)[0].split()[:2]) == (PACKAGE[1], ["apt", "install"])


def test_the_packages_page_says_the_same() -> None:
    assert typed("docs/guides/packages.md", "Debian packages") == typed(*PACKAGE)


@pytest.mark.parametrize("debian", packages.DEBIANS, ids=lambda one: one.suite)
def test_it_installs_the_file_that_make_deb_leaves(debian: packages.Debian) -> None:
    pattern = typed(*PACKAGE)[0].split()[-1].removeprefix("./")
    assert fnmatch(f"pbxbilling_{packages.version_for(debian)}_amd64.deb", pattern)


@pytest.mark.parametrize("page", ["README.md", CHECKOUT[0], FIRST_CALL[0]])
def test_each_command_of_a_page_is_run_by_the_newcomer_or_tried_elsewhere(page: str) -> None:
    run = {one for at in (PACKAGE, CHECKOUT, FIRST_CALL) if at[0] == page for one in typed(*at)}
    shown = {
        command
        for fence in fences(page)
        if fence.language == SHELL
        for command in commands(fence.text)
    }
    assert shown - run - TRIED_ELSEWHERE.keys() == set()


def test_what_is_tried_elsewhere_is_in_the_readme_and_is_tried() -> None:
    shown = {one for fence in fences("README.md") for one in commands(fence.text)}
    assert TRIED_ELSEWHERE.keys() <= shown
    for path in TRIED_ELSEWHERE.values():
        assert (ROOT / path).is_file(), path


def test_the_first_call_comes_between_its_two_blocks() -> None:
    """The newcomer calls between them; the accounts are the page's, but for an account code."""
    apply, why = blocks(*FIRST_CALL, SHELL)
    assert commands(apply) == ["pbxbilling apply accounts.toml"]
    assert commands(why) == ["pbxbilling decisions --refused"]
    (accounts,) = blocks(*FIRST_CALL, "toml")
    assert 'accountcodes = ["test"]' in accounts


def test_what_setup_leaves_to_a_person_is_read_from_what_it_prints() -> None:
    said = "afterwards:\n- reload\nby hand:\n- click\n- write\nWrite? [y/N]: y\n- no\n"
    assert left_by_hand(said) == ["click", "write"]
    assert left_by_hand("nothing to change\n") == []
