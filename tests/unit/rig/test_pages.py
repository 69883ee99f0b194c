"""Blocks are cut out of pages as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig import pages
from rig.pages import SHELL, blocks, commands

PAGE = """# One

```
first --x   # why
second

```

Text with `code`.

```toml
key = 1   # kept
```

```
# alone
third
```

## Two

1. An item:

   ```
   fourth
     below
   ```
"""


@pytest.fixture(autouse=True)
def _page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    monkeypatch.setattr(pages, "ROOT", tmp_path)


def test_blocks_of_a_heading_in_a_language() -> None:
    assert blocks("page.md", "One", SHELL) == ["first --x   # why\nsecond\n\n", "# alone\nthird\n"]
    assert blocks("page.md", "One", "toml") == ["key = 1   # kept\n"]
    assert len(blocks("page.md", "One")) == 3
    assert blocks("page.md", "Two") == ["fourth\n  below\n"]


def test_a_heading_or_language_that_is_not_there() -> None:
    for heading, language in (("Three", None), ("One", "ini")):
        with pytest.raises(KeyError, match="page"):
            blocks("page.md", heading, language)


def test_commands_are_lines_without_comments() -> None:
    found = [one for text in blocks("page.md", "One", SHELL) for one in commands(text)]
    assert found == ["first --x", "second", "third"]
