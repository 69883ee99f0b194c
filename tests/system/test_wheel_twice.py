"""A compiled wheel that is built twice has the same bytes: docs/decisions/0021-a-locked-supply.md.

To compile the whole core once more takes minutes, which `make soak` has. `make test` compares the
C that mypyc writes for all of it, and what the C compiler makes of a part.
"""

import hashlib
from pathlib import Path

import pytest

from rig import provision
from tests.support.house.build import ROOT
from tests.support.rig.wheels import built, copied, digests_of_two

pytestmark = pytest.mark.system

_A_PART = '    "src/pbxbilling/catalog/",\n'
_COPYIST = """#!/bin/sh
# Stands in for the C compiler: what it makes of a source is the source and its headers.
out= sources=
while [ $# -gt 0 ]; do
    case $1 in
    -o) out=$2; shift ;;
    *.c) sources="$sources $1 $(echo "$(dirname "$1")"/*.h)" ;;
    *.o) sources="$sources $1" ;;
    esac
    shift
done
for each in $sources; do ! test -f "$each" || cat "$each"; done >"$out"
"""


@pytest.fixture(autouse=True)
def _compiler() -> None:
    try:
        provision.compiler()
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no C compiler: {reason}")


def two_copies(directory: Path) -> tuple[Path, Path]:
    return copied(directory / "one"), copied(directory / "a longer path" / "two")


def test_the_compilers_c_is_the_same_for_all_of_the_core(tmp_path: Path) -> None:
    copyist = tmp_path / "cc"
    copyist.write_text(_COPYIST)
    copyist.chmod(0o755)
    compiled = {"HATCH_BUILD_HOOKS_ENABLE": "1", "CC": str(copyist)}
    one, other = digests_of_two(tmp_path, *two_copies(tmp_path), compiled)
    assert one == other


def test_a_compiled_part_is_the_same(tmp_path: Path) -> None:
    copies = two_copies(tmp_path)
    for copy in copies:
        pyproject = copy / "pyproject.toml"
        before, include, rest = pyproject.read_text().partition("\ninclude = [\n")
        pyproject.write_text(f"{before}{include}{_A_PART}]{rest.partition(']')[2]}")
    one, other = digests_of_two(tmp_path, *copies, {"HATCH_BUILD_HOOKS_ENABLE": "1"})
    assert one == other


@pytest.mark.soak
def test_the_whole_is_the_same_as_the_one_that_was_tested(tmp_path: Path) -> None:
    (tested,) = (ROOT / "dist").glob("*.whl")
    again = built(copied(tmp_path / "one"), {"HATCH_BUILD_HOOKS_ENABLE": "1", "TZ": "UTC"})
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (tested, again)]
    assert digests[0] == digests[1]
