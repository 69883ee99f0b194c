"""A package's version is that of pyproject.toml, in an order that dpkg agrees with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pbxbilling import __version__
from rig import packages
from rig.packages import BOOKWORM, DEBIANS, TRIXIE


def is_before(first: str, second: str) -> bool:
    if shutil.which("dpkg") is None:
        pytest.skip("no dpkg, which orders versions")
    command = ["dpkg", "--compare-versions", first, "lt", second]
    return subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(
    ("written", "ordered"),
    [("0.2.0", "0.2.0"), ("0.2.0rc1", "0.2.0~rc1"), ("1.0a2", "1.0~a2"), ("1.0.dev3", "1.0~dev3")],
)
def test_a_candidate_comes_before_its_release(written: str, ordered: str) -> None:
    assert packages.in_order(written) == ordered
    assert written == ordered or is_before(ordered, "1.0" if "1.0" in written else "0.2.0")


def test_it_is_ours_and_an_upgrade_of_debian_is_one_of_the_package() -> None:
    older, newer = (packages.version_for(debian) for debian in (BOOKWORM, TRIXIE))
    assert is_before(older, newer)
    for debian in DEBIANS:
        assert packages.version_for(debian).startswith(packages.in_order(__version__) + "+deb")
        assert is_before(packages.version(), packages.version_for(debian))


def test_the_changelog_has_the_time_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764374400")
    text = packages.changelog(TRIXIE)
    assert text.splitlines()[-1].endswith("  Sat, 29 Nov 2025 00:00:00 +0000")
    assert text.startswith(f"pbxbilling ({packages.version_for(TRIXIE)}) trixie;")


def test_the_package_s_unit_is_the_one_that_is_tested_with_another_path() -> None:
    """The one line that a package needs otherwise is the one that the rules replace."""
    unit = (packages.ROOT / "deploy/systemd/pbxbilling.service").read_text()
    rules = (packages.ROOT / "deploy/debian/rules").read_text()
    assert unit.count("/opt/pbxbilling/bin/") == 1
    assert "s#/opt/pbxbilling/bin/#/usr/bin/#" in rules


def test_all_that_is_built_from_is_there() -> None:
    missing = [name for name in packages.SOURCES if not Path(packages.ROOT, name).exists()]
    assert missing == []


def test_sources_without_git_have_a_time_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.source_date_epoch() == 0
