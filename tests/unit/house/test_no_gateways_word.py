"""Code for every payment gateway names none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pbxbilling

SOURCE = Path(pbxbilling.__file__).parent

SUBJECTS = (
    "accounts", "billing", "calls", "catalog", "kernel", "payments", "privacy", "subscriptions",
)  # fmt: skip

# Outside names. The file is what operators type; a page is the source of a rule.
FILE = SOURCE / "kernel" / "gateway_names.py"
PAGE = re.compile(r"https://docs\.stripe\.com/\S+")


def files_of_subjects() -> Iterator[Path]:
    for subject in SUBJECTS:
        yield from (SOURCE / subject).rglob("*.py")


def sayings(text: str) -> list[str]:
    """Return the lines with the word, except in an outside name."""
    return [line for line in text.splitlines() if "stripe" in PAGE.sub("", line).lower()]


def test_no_subject_says_stripe() -> None:
    files = set(files_of_subjects())
    assert FILE in files
    said = {
        str(path.relative_to(SOURCE)): lines
        for path in sorted(files - {FILE})
        if (lines := sayings(path.read_text()))
    }
    assert said == {}


def test_the_page_of_a_rule_is_no_saying_and_all_else_is() -> None:
    assert sayings("as it is told: https://docs.stripe.com/api/prices") == []
    for line in ("plan.stripe", "STRIPE_KEYS", "asks Stripe: https://docs.stripe.com/api"):
        assert sayings(line) == [line]
