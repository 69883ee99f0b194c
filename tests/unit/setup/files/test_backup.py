"""Changes are written whole or not at all, and taken back to the byte."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pbxbilling.setup.files.backup import SetupError, apply, undo
from pbxbilling.setup.files.changes import FileChange

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LATIN = b"; caf\xe9\nx = 1\r\n".decode("utf-8", "surrogateescape")


def changed(path: Path, after: str, like: Path | None = None) -> FileChange:
    before = None
    if path.exists():
        before = path.read_bytes().decode("utf-8", "surrogateescape")
    return FileChange(path, before, after, like=like)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "setup"


def told(kept: Path, *, dry: bool = False) -> dict[str, str]:
    return {one.path.name: one.how for one in undo(kept, dry=dry)}


def test_every_byte_and_right_comes_back(tmp_path: Path, kept: Path) -> None:
    old, new = tmp_path / "old.conf", tmp_path / "new.conf"
    old.write_bytes(LATIN.encode("utf-8", "surrogateescape"))
    old.chmod(0o640)
    apply([changed(old, LATIN + "ours\n"), changed(new, "ours\n", like=old)], kept, NOW)
    assert (old.stat().st_mode & 0o777, new.stat().st_mode & 0o777) == (0o640, 0o640)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert told(kept) == {"old.conf": "restored", "new.conf": "removed"}
    assert old.read_bytes() == b"; caf\xe9\nx = 1\r\n"
    assert old.stat().st_mode & 0o777 == 0o640
    assert not new.exists()
    with pytest.raises(SetupError, match="no set-up to undo"):
        undo(kept)


def test_a_link_stays_a_link(tmp_path: Path, kept: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "cel.conf"
    target.write_text("a\n")
    link.symlink_to(target)
    apply([changed(link, "a\nours\n")], kept, NOW)
    assert link.is_symlink()
    assert target.read_text() == "a\nours\n"
    undo(kept)
    assert link.is_symlink()
    assert target.read_text() == "a\n"


def test_a_file_that_cannot_be_written_leaves_everything_as_it_was(
    tmp_path: Path, kept: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "no folder" / "b"
    first.write_text("a\n")
    second.parent.write_text("a file where a folder should be")
    with pytest.raises(SetupError, match="nothing was changed"):
        apply([changed(first, "b\n"), FileChange(second, None, "b\n")], kept, NOW)
    assert first.read_text() == "a\n"
    assert list(kept.iterdir()) == []


def test_a_file_that_changed_after_it_was_shown_is_not_written(tmp_path: Path, kept: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a\n")
    change = changed(path, "a\nours\n")
    path.write_text("b\n")
    with pytest.raises(SetupError, match="changed meanwhile"):
        apply([change], kept, NOW)
    assert path.read_text() == "b\n"


def test_an_edit_since_then_is_kept_and_the_file_named(tmp_path: Path, kept: Path) -> None:
    path = tmp_path / "extensions.conf"
    path.write_text("[a]\nx\n")
    apply([changed(path, "[a]\nours\nx\n#include ours.conf\n")], kept, NOW)
    path.write_text(path.read_text() + "[b]\ny\n")
    assert "edits made since are kept" in told(kept, dry=True)["extensions.conf"]
    assert "ours" in path.read_text()
    assert "edits made since are kept" in told(kept)["extensions.conf"]
    assert path.read_text() == "[a]\nx\n[b]\ny\n"


def test_a_file_that_an_unrestored_one_may_include_stays(tmp_path: Path, kept: Path) -> None:
    main, ours = tmp_path / "extensions.conf", tmp_path / "extensions_pbxbilling.conf"
    main.write_text("x = 1\n")
    apply([changed(main, "x = 2\n"), changed(ours, "[ours]\n")], kept, NOW)
    main.write_text("x = 3\n")
    how = told(kept)
    assert how["extensions.conf"].startswith("LEFT AS IT IS")
    assert "may include it" in how["extensions_pbxbilling.conf"]
    assert (main.read_text(), ours.read_text()) == ("x = 3\n", "[ours]\n")


def test_our_own_file_that_was_edited_or_deleted_is_left(tmp_path: Path, kept: Path) -> None:
    edited, deleted = tmp_path / "edited", tmp_path / "deleted"
    deleted.write_text("a\n")
    apply([changed(edited, "ours\n"), changed(deleted, "b\n")], kept, NOW)
    edited.write_text("theirs\n")
    deleted.unlink()
    how = told(kept)
    assert "edited since" in how["edited"]
    assert "deleted since" in how["deleted"]
    assert (edited.read_text(), deleted.exists()) == ("theirs\n", False)


def test_several_runs_are_taken_back_to_before_the_first(tmp_path: Path, kept: Path) -> None:
    path, new = tmp_path / "a", tmp_path / "b"
    path.write_text("1\n")
    apply([changed(path, "1\n2\n"), changed(new, "1\n")], kept, NOW)
    path.write_text("0\n1\n2\n")
    apply([changed(path, "0\n1\n2\n3\n"), changed(new, "2\n")], kept, NOW + timedelta(seconds=1))
    assert told(kept, dry=True) == told(kept)
    assert (path.read_text(), new.exists()) == ("0\n1\n", False)


def test_a_run_that_was_killed_before_it_wrote_is_taken_back(tmp_path: Path, kept: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1\n")
    apply([changed(path, "2\n")], kept, NOW)
    path.write_text("1\n")
    assert told(kept) == {"a": "was as before already"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_new_file_belongs_to_whom_its_neighbour_belongs(tmp_path: Path, kept: Path) -> None:
    neighbour, new = tmp_path / "manager.conf", tmp_path / "ours.conf"
    neighbour.write_text("")
    os.chown(neighbour, 12345, 12346)
    neighbour.chmod(0o660)
    apply([changed(new, "ours\n", like=neighbour)], kept, NOW)
    found = new.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o660)
