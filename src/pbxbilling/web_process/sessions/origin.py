"""Tells requests that a page of ours sent from those that another site made a browser send.

Browsers say where a request comes from (`Sec-Fetch-Site`), older ones at least the origin. What
says neither is no browser, and does not act by a cookie. https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS: Final = frozenset({"same-origin", "none"})  # none: typed, or from a bookmark


def is_ours(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Return whether a request that has a cookie may act by it; `origin` is our own."""
    if method in SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OURS
    return headers.get("origin") == origin
