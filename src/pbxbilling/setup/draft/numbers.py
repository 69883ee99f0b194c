"""The numbers of a site: literal extensions of the contexts into which its trunks lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pbxbilling.kernel.numbers import check_number, found_by, read_listed
from pbxbilling.setup.draft.sources import Sources
from pbxbilling.setup.pbx.dialplan import Context, Step
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.grammar import split
from pbxbilling.setup.pbx.site import Kind

_LEAST_DIGITS = 5  # what is shorter may be an extension
_MOST_DIGITS = 18
_NUMBER = re.compile(r"\+?[0-9][0-9-]*")
_FIXED = re.compile(r"_\+?[0-9-]{3,}")  # a pattern that begins like a number of the site
_OUTSIDE = re.compile(
    r"(?:^|[-_.])(?:trunks?|pstn|carriers?|providers?|incoming|inbound|incall|extern|external|dids?)"
    r"(?:$|[-_.\d])",
    re.IGNORECASE,
)
_GENERATED = {
    Kind.FREEPBX: re.compile(r"ext-did(?:-.*)?|from-pstn.*|from-trunk.*"),
    Kind.WAZO: re.compile(r"from-extern|ctx-.*-incall-.*"),
    Kind.MIKOPBX: re.compile(r".*-incoming|public-direct-dial"),
}
_DIALLED = re.compile(r"\$\{EXTEN\}")


@dataclass(frozen=True, slots=True)
class Number:
    """One number where it was found; `did` is its spelling for an accounts file."""

    did: str
    context: str
    """The way in, from which Asterisk looks it up."""
    exten: str
    place: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """An extension that may be a number, or several: `why` says it."""

    exten: str
    place: str
    why: str


def outside_contexts(sources: Sources) -> list[str]:
    """Return the contexts in which calls from outside arrive."""
    ways_in = [one.context for one in sources.endpoints if is_trunk(one, sources)]
    named = sources.dialplan.contexts
    generated = _GENERATED.get(sources.kind)
    if generated is not None:
        ways_in += [name for name in named if generated.fullmatch(name)]
    if not any(name in named for name in ways_in):
        ways_in += [name for name in named if _OUTSIDE.search(name)]
    return list(dict.fromkeys(ways_in))


def is_trunk(endpoint: Endpoint, sources: Sources) -> bool:
    """Return whether an endpoint leads outside; `*` in `trunks` stands for anything."""
    patterns = (re.escape(one).replace(r"\*", ".*") for one in sources.trunks)
    return any(re.fullmatch(one, endpoint.channel) for one in patterns)


def numbers(sources: Sources) -> Iterator[Number | Unclear]:
    """Yield the literal numbers of the ways in, and what may be numbers; each place once."""
    own = {one.name for one in sources.endpoints}
    for entry, context in _reached(sources):
        for exten, steps in context.extens().items():
            place = f"[{context.name}] {steps[0].line.place}"
            if _NUMBER.fullmatch(exten):
                yield _number(exten, entry, place, is_extension=exten in own)
            elif _FIXED.match(exten):
                yield Unclear(exten, place, "stands for several numbers: list those that you have")


def _number(exten: str, entry: str, place: str, *, is_extension: bool) -> Number | Unclear:
    read = read_listed(exten)
    if is_extension or len(read.digits) < _LEAST_DIGITS:
        return Unclear(exten, place, "is short: a number of yours, or an extension")
    did = f"+{read.international}" if read.international else read.digits
    try:
        check_number(did)
    except ValueError:
        why = f"has more than {_MOST_DIGITS} digits"
        return Unclear(exten, place, why)
    return Number(did, entry, exten, place)


def key_of(did: str) -> str:
    """Return what two spellings of one number have in common."""
    return found_by(did)


def _reached(sources: Sources) -> Iterator[tuple[str, Context]]:
    """Yield the contexts that a number from outside is looked up in, each with its way in, once."""
    waiting, seen = outside_contexts(sources), set[str]()
    while waiting:
        entry = waiting.pop(0)
        for context in sources.dialplan.reached(entry):
            if context.name in seen:
                continue
            seen.add(context.name)
            yield entry, context
            waiting += [name for step in context.steps for name in _handed_on(step)]


def _handed_on(step: Step) -> Iterator[str]:
    """Yield the contexts to which a pattern's step hands the number on as it was dialled."""
    if step.exten.startswith("_") and "goto" in step.application.lower():
        for branch in split(split(step.arguments, "?", most=1)[-1], ":"):
            parts = [part.strip() for part in split(branch, ",")]
            if len(parts) == 3 and _DIALLED.fullmatch(parts[1]) and "${" not in parts[0]:
                yield parts[0]
