"""Slugs for what a site calls its tenants: valid, unique, a slug already where it is one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count
from unicodedata import normalize

from pbxbilling.config.value_types import SLUG

_MOST = 64
_NAMELESS = "tenant"
_OTHER = re.compile(r"[^a-z0-9._-]+")
# Parts of a context's name that say what comes from there, not whose it is.
_GENERIC = frozenset(
    {"ctx", "context", "from", "in", "internal", "inside", "local", "phone", "phones", "user"}
    | {"users", "ext", "exts", "extensions", "sip", "pjsip", "tenant", "default", "office"}
)


def is_slug(text: str) -> bool:
    """Return whether the text can be a tenant's slug as it is."""
    return re.fullmatch(SLUG, text) is not None


def slug_of(text: str) -> str:
    """Return the nearest slug; "" where no letter or digit of the text has a place in one."""
    plain = normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return _OTHER.sub("-", plain.lower()).strip("._-")[:_MOST].rstrip("._-")


def stem(context: str) -> str:
    """Return what a context's name says of its tenant, `t1` of `t1-internal`; "" if nothing."""
    parts = [part for part in re.split(r"[-_.]", context) if part]
    return "-".join(part for part in parts if part.lower() not in _GENERIC)


def unique_slugs(words: Iterable[str], contexts: Iterable[str]) -> dict[str, str]:
    """Return the slug of each account code or tenant's name, then of each `context NAME`.

    A word that is a slug keeps it, because the hook may name it: the others get a number where a
    slug is taken.
    """
    named = list(words)
    slugs = {word: word for word in named if is_slug(word)}
    taken = set(slugs)
    for word in named:
        if word not in slugs:
            slugs[word] = _free(slug_of(word), taken)
    for context in contexts:
        slugs[key_of_context(context)] = _free(slug_of(stem(context)) or slug_of(context), taken)
    return slugs


def key_of_context(context: str) -> str:
    """Return the key of a tenant that is known by its context; no account code has a line feed."""
    return f"context\n{context}"


def _free(slug: str, taken: set[str]) -> str:
    base = slug or _NAMELESS
    for number in count(1):
        end = "" if number == 1 else f"-{number}"
        found = base[: _MOST - len(end)] + end
        if found not in taken:
            break
    taken.add(found)
    return found
