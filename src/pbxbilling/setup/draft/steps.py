"""What one step of a dialplan says by itself: variables, branches, the tenant that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pbxbilling.setup.draft.sources import TENANT_VARIABLE, clean
from pbxbilling.setup.pbx.dialplan import Dialplan, Step
from pbxbilling.setup.pbx.grammar import split

ADMIT = "pbxbilling-admit"
CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*$", re.DOTALL)
_CODE = re.compile(r"(?:CHANNEL|CDR)\(accountcode\)", re.IGNORECASE)


def words_of(dialplan: Dialplan, step: Step) -> Iterator[str]:
    """Yield the tenants that a step names by itself, whatever leads to it."""
    yield from _words(dialplan, step.application.lower(), step.arguments)


def _words(dialplan: Dialplan, application: str, arguments: str) -> Iterator[str]:
    if application in {"set", "mset"}:
        for name, written in assigned(arguments, several=application == "mset"):
            yield from tenant_in(name, dialplan.expanded(written))
    elif application == "execif":
        for branch in branches(arguments):
            if called := CALL.match(branch):
                yield from _words(dialplan, called[1].lower(), called[2])
    elif application == "gosub":
        place, given = without_arguments(arguments)
        if place.partition(",")[0].strip() == ADMIT:
            yield from hooked([dialplan.expanded(one.strip()) for one in split(given, ",")])


def assigned(arguments: str, *, several: bool) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a `Set` or `MSet`."""
    for pair in split(arguments, ",") if several else [arguments]:
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip(), value.strip().strip('"')


def is_certain(value: str) -> bool:
    """Return whether a value is known before a call comes."""
    return "${" not in value and "$[" not in value


def tenant_in(name: str, value: str) -> Iterator[str]:
    """Yield the tenant that a variable names, if it is one that does and its value is certain."""
    names = _CODE.fullmatch(name) or TENANT_VARIABLE.fullmatch(name)
    if names and is_certain(value) and clean(value):
        yield clean(value)


def hooked(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the tenant that a hook of the site names already: direction, tenant, number."""
    if len(arguments) > 1 and is_certain(arguments[1]) and clean(arguments[1]):
        yield clean(arguments[1])


def branches(arguments: str) -> list[str]:
    """Return both ways of `condition?one:other`."""
    return split(split(arguments, "?", most=1)[-1], ":")


def without_arguments(target: str) -> tuple[str, str]:
    """Split `context,exten,1(a,b)` into the place and the arguments of a subroutine."""
    if not target.rstrip().endswith(")"):
        return target, ""
    place, _, arguments = target.rstrip()[:-1].partition("(")
    return place, arguments
