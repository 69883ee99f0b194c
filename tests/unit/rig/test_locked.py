"""The lock holds what pyproject.toml names, by version and hash, and says where nothing is from."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from rig.lock import OLDEST
from rig.locked import BUILD, DEVELOPMENT, RUNTIME, Release, normal, releases
from tests.support.house.build import ROOT

LOCKS = (DEVELOPMENT, RUNTIME, BUILD)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def group(name: str) -> list[str]:
    """Return what a dependency group requires, with the groups that it includes."""
    found: list[str] = []
    for each in pyproject()["dependency-groups"][name]:
        found += [each] if isinstance(each, str) else group(each["include-group"])
    return found


def compiler() -> list[str]:
    targets = pyproject()["tool"]["hatch"]["build"]["targets"]
    return list(targets["wheel"]["hooks"]["mypyc"]["dependencies"])


def named(lock: Path) -> list[str]:
    """Return the requirements of pyproject.toml that a lock answers."""
    project: list[str] = pyproject()["project"]["dependencies"]
    build = [*pyproject()["build-system"]["requires"], *compiler(), *group("build")]
    return {RUNTIME: project, BUILD: build, DEVELOPMENT: [*project, *build, *group("dev")]}[lock]


def unmet(requirements: Iterable[str], locked: Iterable[Release]) -> list[str]:
    versions = {one.name: one.version for one in locked}
    wanted = {text: Requirement(text) for text in requirements}
    found = {text: versions.get(normal(one.name)) for text, one in wanted.items()}
    return [
        text
        for text, version in found.items()
        if version is None or not wanted[text].specifier.contains(version)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_it_holds_what_is_named_within_its_bounds(lock: Path) -> None:
    assert unmet(named(lock), releases(ROOT / lock)) == []


def test_what_is_missing_or_out_of_bounds_is_found() -> None:
    locked = [Release("a-b", "1.5", "", (), ())]
    assert unmet(["a_b>=1", "A.b<1", "c"], locked) == ["A.b<1", "c"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_it_is_whole_and_names_no_place(lock: Path) -> None:
    text = (ROOT / lock).read_text()
    locked = releases(ROOT / lock)
    assert len(locked) == len(re.findall(r"^\S+==\S+", text, re.MULTILINE)) > 10
    assert sum(len(one.hashes) for one in locked) == text.count("--hash=")
    assert {one for each in locked for one in each.via} <= {one.name for one in locked} | {
        "pbxbilling"
    }
    assert "://" not in text
    assert [line for line in text.splitlines() if line.lstrip().startswith("--index")] == []


def test_it_is_made_for_each_python_that_is_allowed() -> None:
    assert pyproject()["project"]["requires-python"] == f">={OLDEST}"


@pytest.mark.parametrize("lock", [RUNTIME, BUILD], ids=lambda lock: lock.stem)
def test_what_is_tested_is_what_is_installed(lock: Path) -> None:
    tested = {(one.name, one.version, one.hashes) for one in releases(ROOT / DEVELOPMENT)}
    assert {(one.name, one.version, one.hashes) for one in releases(ROOT / lock)} <= tested


@pytest.mark.parametrize(
    "line",
    ["a==1", "a>=1 \\\n    --hash=sha256:" + "0" * 64, "a==1 \\\n    --hash=md5:00", "./a", "-r a"],
)
def test_what_locks_nothing_is_refused(line: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{line}\n    # via b\n")
    with pytest.raises(ValueError, match="not locked"):
        releases(lock)


def test_a_release_is_read_whole(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    one, two = (f"sha256:{digit * 64}" for digit in "12")
    lock.write_text(
        "# made\n#    make lock\n"
        f"A_b==1.0 ; sys_platform == 'win32' \\\n    --hash={one} \\\n    --hash={two}\n"
        "    # via\n    #   -c development.txt\n    #   c\n"
        "    #   pbxbilling (pyproject.toml:dev)\n"
        f"c==2 \\\n    --hash={one}\n    # via pbxbilling (pyproject.toml)\n"
    )
    assert releases(lock) == [
        Release("a-b", "1.0", "sys_platform == 'win32'", (one, two), ("c", "pbxbilling")),
        Release("c", "2", "", (one,), ("pbxbilling",)),
    ]
