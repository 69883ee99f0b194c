"""Whose each phone is: by its tenant's variable, its account code, else its context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pbxbilling.setup.draft.numbers import is_trunk, outside_contexts
from pbxbilling.setup.draft.slugs import key_of_context, slug_of, stem
from pbxbilling.setup.draft.sources import Sources, clean
from pbxbilling.setup.draft.steps import words_of
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.site import Kind

ONE_TENANT = "mikopbx"
"""The slug of a MikoPBX, which is one tenant."""


@dataclass(slots=True)
class Owners:
    """The tenants of a site by key: a word that names one, or the key of a context."""

    words: dict[str, None] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)
    """The key of the tenant that a context belongs to."""
    phones: dict[str, str] = field(default_factory=dict)
    """The key of each phone's tenant, by channel."""
    codes: dict[str, str] = field(default_factory=dict)
    """The key of the tenant that an account code belongs to."""
    one: str = ""
    """The key of the only tenant, where the PBX is one tenant's."""
    undecided: list[str] = field(default_factory=list)


def owners(sources: Sources) -> Owners:
    """Return whose the phones, account codes and contexts of a site are."""
    found = Owners()
    if sources.kind is Kind.MIKOPBX:
        return _one_tenant(sources, found)
    found.words.update(dict.fromkeys(_words(sources)))
    ways_in = set(outside_contexts(sources))
    phones = []
    for endpoint in sources.endpoints:
        if is_trunk(endpoint, sources):
            continue
        if _is_stranger(endpoint, ways_in) and not _marks(endpoint, sources):
            found.undecided.append(
                f"{endpoint.channel}: it has no account code, and its context is no phones' own"
            )
        else:
            phones.append(endpoint)
    if sources.kind is Kind.WAZO:
        _by_uuid(sources, found)
    for phone in phones:
        _place(phone, sources, found)
    _whole_contexts(phones, found, ways_in)
    _join_by_name(found)
    return found


def _one_tenant(sources: Sources, found: Owners) -> Owners:
    named = list(dict.fromkeys(_words(sources)))
    found.one = named[0] if len(named) == 1 else ONE_TENANT  # the hook may name it already
    found.words[found.one] = None
    ways_in = set(outside_contexts(sources))
    for endpoint in sources.endpoints:
        if not (is_trunk(endpoint, sources) or _is_stranger(endpoint, ways_in)):
            found.phones[endpoint.channel] = found.one
            found.contexts[clean(endpoint.context)] = found.one
    return found


def _is_stranger(endpoint: Endpoint, ways_in: set[str]) -> bool:
    """Return whether an endpoint is a carrier's, or anybody's, though no `Dial` leads there."""
    carriers = endpoint.registers and not endpoint.challenges
    return carriers or endpoint.context in ways_in or endpoint.name == "anonymous"


def _marks(endpoint: Endpoint, sources: Sources) -> tuple[str, str] | None:
    """Return the tenant that an endpoint names, and its account code; None if it has neither."""
    code = clean(endpoint.accountcode) or clean(sources.users.get(endpoint.name, ""))
    word = clean(sources.variables.get(endpoint.channel, "")) or code
    return (word, code) if word else None


def _place(phone: Endpoint, sources: Sources, found: Owners) -> None:
    marks = _marks(phone, sources)
    if marks:
        word, code = marks
        found.words[word] = None
        found.phones[phone.channel] = word
        if code:
            other = found.codes.setdefault(code, word)
            if other != word:
                found.undecided.append(f"{phone.channel}: its account code is that of {other}")
        return
    context = clean(phone.context)
    if not context or (sources.kind is Kind.WAZO and context not in found.contexts):
        found.undecided.append(f"{phone.channel}: its context names no tenant")
        return
    key = found.contexts.setdefault(context, key_of_context(context))
    found.phones[phone.channel] = key


def _words(sources: Sources) -> Iterator[str]:
    """Yield what the dialplan names as tenants, wherever it does."""
    for context in sources.dialplan.contexts.values():
        for step in context.steps:
            yield from words_of(sources.dialplan, step)


def _by_uuid(sources: Sources, found: Owners) -> None:
    """Give each context whose extensions all name one tenant to that tenant."""
    ways_in = set(outside_contexts(sources))
    for context in sources.dialplan.contexts.values():
        uuids = {word for step in context.steps for word in words_of(sources.dialplan, step)}
        if len(uuids) == 1 and context.name not in ways_in:
            found.contexts[clean(context.name)] = uuids.pop()


def _whole_contexts(phones: list[Endpoint], found: Owners, ways_in: set[str]) -> None:
    """Give a context to the tenant that all of its phones belong to: forwards are found by it."""
    owners_in: dict[str, set[str]] = {}
    for phone in phones:
        if phone.channel in found.phones:
            owners_in.setdefault(clean(phone.context), set()).add(found.phones[phone.channel])
    for context, keys in owners_in.items():
        if len(keys) == 1 and context not in ways_in:
            found.contexts.setdefault(context, next(iter(keys)))


def _join_by_name(found: Owners) -> None:
    """Join a context's tenant with the word it is named after: `t1-internal` with `t1`."""
    by_stem: dict[str, list[str]] = {}
    for context, key in found.contexts.items():
        if key == key_of_context(context):
            by_stem.setdefault(slug_of(stem(context)), []).append(context)
    for word in found.words:
        alike = by_stem.pop(slug_of(word), []) if slug_of(word) else []
        if len(alike) == 1:
            (context,) = alike
            key = key_of_context(context)
            found.contexts[context] = word
            found.phones.update({phone: word for phone, k in found.phones.items() if k == key})
