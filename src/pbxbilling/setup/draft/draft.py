"""A draft of the accounts: who the tenants of a PBX are, and what identifies each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pbxbilling.kernel.text import NAME_MOST
from pbxbilling.setup.draft.numbers import Number, Unclear, key_of, numbers
from pbxbilling.setup.draft.phones import Owners, owners
from pbxbilling.setup.draft.routes import Evidence, Routes
from pbxbilling.setup.draft.slugs import key_of_context, stem, unique_slugs
from pbxbilling.setup.draft.sources import Sources, clean

_WAZO = re.compile(r"ctx-(.+)-(?:internal|others|services)-[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class DraftedTenant:
    """One tenant of the draft, with what identifies it; `dids` are spelled for an accounts file."""

    slug: str
    name: str
    accountcodes: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    """Its channels, as `PJSIP/101`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Tenants, and sentences about what only a person can decide."""

    tenants: tuple[DraftedTenant, ...]
    undecided: tuple[str, ...]


def draft(sources: Sources) -> Draft:
    """Return the tenants that a site has already; what cannot be decided is told, not guessed."""
    found = owners(sources)
    undecided = [*sources.unread, *found.undecided]
    dids = _dids(sources, found, undecided)
    keys = {**found.words, **dict.fromkeys(found.contexts.values()), **dict.fromkeys(dids.values())}
    alone = [name for name, key in found.contexts.items() if key == key_of_context(name)]
    slugs = unique_slugs((key for key in keys if key in found.words), alone)
    tenants = [_tenant(key, slugs[key], found, dids, undecided) for key in keys]
    return Draft(tuple(tenants), tuple(map(clean, undecided)))


def _tenant(
    key: str, slug: str, found: Owners, dids: Mapping[str, str], undecided: list[str]
) -> DraftedTenant:
    contexts = [name for name, owner in found.contexts.items() if owner == key and name]
    codes = [code for code, owner in found.codes.items() if owner == key]
    is_word = key in found.words
    if is_word and key not in codes and key not in found.codes and key != slug:
        codes.append(key)  # the hook's argument, which is looked up as an account code
    long = [text for text in (*codes, *contexts) if len(text) > NAME_MOST]
    undecided += [f"{text[:40]}…: longer than {NAME_MOST} characters" for text in long]
    return DraftedTenant(
        slug=slug,
        name=_name(key, contexts),
        accountcodes=tuple(code for code in codes if code not in long),
        dids=tuple(did for did, owner in dids.items() if owner == key),
        contexts=tuple(context for context in contexts if context not in long),
        phones=tuple(phone for phone, owner in found.phones.items() if owner == key),
    )


def _name(key: str, contexts: Sequence[str]) -> str:
    """Return what people call a tenant: Wazo's contexts hold the tenant's own slug."""
    of_wazo = [found[1] for one in contexts if (found := _WAZO.fullmatch(one))]
    of_context = stem(key.partition("\n")[2])
    return (of_wazo or [of_context or _shown(key)])[0][:NAME_MOST]


def _dids(sources: Sources, found: Owners, undecided: list[str]) -> dict[str, str]:
    """Return the key of each number's tenant; those without one are told in `undecided`."""
    routes = Routes(sources.dialplan, found.phones, sources.queues)
    spelled: dict[str, str] = {}
    owners_of: dict[str, set[str]] = {}
    places: dict[str, list[Number]] = {}
    for one in numbers(sources):
        if isinstance(one, Unclear):
            undecided.append(f"{one.exten} ({one.place}): it {one.why}")
            continue
        key = key_of(one.did)
        if key not in spelled or one.did.startswith("+"):
            spelled[key] = one.did
        places.setdefault(key, []).append(one)
        evidence = routes.follow(one.context, one.exten)
        owners_of.setdefault(key, set()).update(_owners(evidence, found))
    dids: dict[str, str] = {}
    for key, owned_by in owners_of.items():
        if len(owned_by) == 1:
            dids[spelled[key]] = next(iter(owned_by))
        else:
            undecided.append(_sentence(spelled[key], places[key], owned_by))
    return dids


def _owners(evidence: Evidence, found: Owners) -> set[str]:
    """Return the keys of the tenants that a way shows; one that it names is before all phones."""
    if found.one:
        return {found.one}
    named = {found.codes.get(word, word) for word in evidence.words}
    if named:
        for word in named:
            found.words.setdefault(word)
        return named
    return {found.phones[phone] for phone in evidence.phones}


def _sentence(did: str, places: Sequence[Number], owned_by: Iterable[str]) -> str:
    where = ", ".join(dict.fromkeys(one.place for one in places))
    names = sorted(_shown(key) for key in owned_by)
    if not names:
        return f"{did} ({where}): no phone and no tenant is named on its way"
    return f"{did} ({where}): its calls reach several: {', '.join(names)}"


def _shown(key: str) -> str:
    return key.partition("\n")[2] or key
