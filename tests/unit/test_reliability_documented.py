"""Each promise names the tests that hold it, and they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference" / "reliability.md").read_text()


def test_every_promise_names_tests_that_exist() -> None:
    rows = [row for row in TEXT.splitlines() if row.startswith("| ") and "tested by" not in row]
    for row in rows:
        named = re.findall(r"`([a-z]+/[\w/.]+)`", row.rsplit("|", 2)[1])
        assert named, row
        for name in named:
            folder = ROOT if name.startswith("bench/") else ROOT / "tests"
            assert (folder / name).exists(), name
