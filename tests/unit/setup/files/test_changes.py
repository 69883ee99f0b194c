"""A change as it is shown before it is written."""

from __future__ import annotations

from pathlib import Path

from pbxbilling.setup.files.changes import FileChange

PATH = Path("/etc/asterisk/manager_pbxbilling.conf")


def test_a_difference_is_shown_as_diff_does() -> None:
    shown = FileChange(PATH, "a\nb\n", "a\nours\nb\n").shown()
    assert shown.splitlines()[:2] == [f"--- {PATH}", f"+++ {PATH}"]
    assert "+ours\n" in shown


def test_a_secret_is_never_shown() -> None:
    text = "[pbxbilling]\nsecret = 0123456789abcdef\nread = call\n"
    for before in (None, text.replace("0123", "9999")):
        shown = FileChange(PATH, before, text).shown()
        assert "0123456789" not in shown
        assert "999945" not in shown
        assert "+secret = (" in shown
    whole = FileChange(Path("/etc/pbxbilling/ami.secret"), None, "0123456789\n", is_secret=True)
    assert "0123456789" not in whole.shown()


def test_a_file_that_is_as_it_should_be_needs_nothing() -> None:
    assert not FileChange(PATH, "a\n", "a\n").is_needed
    assert FileChange(PATH, None, "").is_needed
