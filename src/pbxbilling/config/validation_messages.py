"""Translates pydantic's errors into faults for the operator: key, line, expectation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from pbxbilling.config.faults import Fault
from pbxbilling.config.lines import KeyPath
from pbxbilling.config.value_types import DIALLED, DIGITS, NAME, SLUG

_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": 'a string in quotes, as "…"',
    "string_too_short": "a string that is not empty",
    "secret_type": 'a string in quotes, as "…"',
    "tuple_type": "a list, as [ … ]",
    "dict_type": 'a table, as { "…" = … }',
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": 'a path in quotes, as "/…"',
    "time_type": 'a time of day, as "01:00"',
    "time_parsing": 'a time of day, as "01:00"',
}


_SHOWN = 60  # characters of a value: a fault must fit on one line

_ALPHABETS: Mapping[str, str] = {
    DIGITS: "digits",
    DIALLED: "digits, *, # and +",
    NAME: "letters, digits, _, . and -",
    SLUG: "up to 64 small letters, digits, ., _ and -, beginning with a letter or digit",
}


def faults_of(
    error: ValidationError,
    model: type[BaseModel],
    place: Callable[[KeyPath], tuple[str, int | None]],
) -> Iterator[Fault]:
    """Yield each error as a fault; `place` returns the source and line of a key."""
    for details in error.errors(include_url=False):
        path = details["loc"]
        yield Fault(*place(path), dotted(path), _message(details, path, model))


def dotted(path: KeyPath) -> str:
    """Format a key as operators write it: `pbx[0].port`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def _message(details: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    kind = details["type"]
    if kind == "extra_forbidden":
        return unknown_key(str(path[-1]), _siblings(model, path))
    if kind == "missing":
        return "required, but not given"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    expected = _EXPECTED.get(kind) or _from_context(kind, details)
    return f"expected {expected}{_got(details, path, model)}"


def _from_context(kind: str, details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return str(context["expected"]).replace("'", '"')
    if kind == "string_pattern_mismatch":
        return _ALPHABETS[context["pattern"]]
    return details["msg"].removeprefix("Input should be ")


def _got(details: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    value = details["input"]
    if not path or _may_be_secret(path, model) or not isinstance(value, str | int | float):
        return ""
    return f", got {_toml(value)}"


def _may_be_secret(path: KeyPath, model: type[BaseModel]) -> bool:
    """Return whether a value must not be shown: a secret, or a URL, which can contain one."""
    here = _declared(path, model)
    return path[-1] == "url" or here is SecretStr or SecretStr in get_args(here)


def _toml(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    written = str(value)
    if len(written) > _SHOWN:
        written = f"{written[:_SHOWN]}… ({len(written)} characters)"
    return f'"{written}"' if isinstance(value, str) else written


def unknown_key(name: str, known: list[str], what: str = "key") -> str:
    """Return the message for an unknown key (or column)."""
    near = get_close_matches(name.lower(), known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}"
    return f"unknown {what}; {hint}"


def _siblings(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that are valid in the place of an unknown one."""
    here = _declared(path[:-1], model)
    while get_args(here):
        here = _held(here)
    return list(here.model_fields)


def _declared(path: KeyPath, model: type[BaseModel]) -> Any:
    """Return the declared type at a path; None if the model declares none."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = field.annotation if field else None
        else:  # the index of a list or the key of a map
            here = _held(here)
    return here


def _held(container: Any) -> Any:
    """Return the type inside a list, a map, `tuple[X, ...]` or `X | None`: the last argument."""
    held = [one for one in get_args(container) if one not in {Ellipsis, NoneType}]
    return held[-1] if held else None
