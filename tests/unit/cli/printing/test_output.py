"""Files that a command writes are for its user alone, and never written through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pbxbilling.cli.printing.output import write_file
from pbxbilling.kernel.errors import StoreError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "statement.pdf"


def test_a_new_file_is_for_its_user_alone(file: Path) -> None:
    before = os.umask(0o022)
    try:
        assert write_file(file, b"%PDF")
    finally:
        os.umask(before)
    assert file.read_bytes() == b"%PDF"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_so_is_one_that_takes_the_place_of_another(file: Path) -> None:
    file.write_bytes(b"before")
    file.chmod(0o644)
    assert write_file(file, b"%PDF")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"%PDF", 0o600)


def _link(file: Path) -> None:
    file.with_name("target").write_bytes(b"kept")
    file.symlink_to("target")


def _dangling_link(file: Path) -> None:
    file.symlink_to("target")


@pytest.mark.parametrize("put", [_link, _dangling_link, os.mkfifo, Path.mkdir])
def test_what_is_no_plain_file_is_neither_followed_nor_replaced(
    file: Path, put: Callable[[Path], None]
) -> None:
    put(file)
    before = file.lstat()
    with pytest.raises(StoreError, match="no plain file"):
        write_file(file, b"%PDF")
    assert file.lstat().st_ino == before.st_ino
    target = file.with_name("target")
    assert not target.exists() or target.read_bytes() == b"kept"


def test_a_link_in_place_of_the_unfinished_file_is_not_followed(file: Path) -> None:
    target = file.with_name("target")
    target.write_bytes(b"kept")
    file.with_name(f"{file.name}.partial").symlink_to(target)
    assert write_file(file, b"%PDF")
    assert (file.read_bytes(), target.read_bytes()) == (b"%PDF", b"kept")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has no folder: create"):
        write_file(tmp_path / "none" / "statement.pdf", b"%PDF")
