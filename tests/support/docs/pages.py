"""Reads the files of Asterisk's that a page shows, so that a test runs them."""

import re

from rig.pages import blocks


def files(page: str, heading: str) -> dict[str, str]:
    """Return the files in the blocks below a heading: each begins with its name, as a comment."""
    found: dict[str, str] = {}
    for part in re.split(
        r"^; (?=[\w.]+\.conf$)", "".join(blocks(page, heading)), flags=re.MULTILINE
    ):
        name, _, text = part.partition("\n")
        if name:
            found[name] = text
    return found
