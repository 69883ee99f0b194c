"""Reads settings from environment variables, as `PBXBILLING_AGI__DEADLINE_MS=500`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from pydantic import BaseModel

from pbxbilling.config.faults import Fault
from pbxbilling.config.lines import KeyPath

PREFIX = "PBXBILLING_"
DELIMITER = "__"
CONFIG_VARIABLE = "PBXBILLING_CONFIG"  # names the file itself; read by the command line


def values_from(
    env: Mapping[str, str], model: type[BaseModel]
) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values that the environment sets, nested as in the file, and their faults.

    Lists and lists of tables are JSON. A `PBXBILLING_` variable that names no section or key at
    the top is a fault if it has `__` in it or is close to one; others (a site's own) are ignored.
    """
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in env.items():
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        if (message := _misspelt(name, list(model.model_fields))) is not None:
            faults.append(Fault(place_of(name), None, "", message))
            continue
        set_there = _set_by(model, name, text)
        if set_there is None:
            faults.append(Fault(place_of(name), None, "", "expected JSON, as '[…]'"))
        else:
            values = overlay(values, set_there)
    return values, faults


def overlay(base: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge both, table by table; where both set a key, `above` wins."""
    merged = dict(base)
    for key, value in above.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = overlay(below, value)
        else:
            merged[key] = value
    return merged


def variable_for(path: KeyPath) -> str:
    """Return the variable that sets a key; within a list of tables, that of the whole list."""
    names: list[str] = []
    for part in path:
        if isinstance(part, int):
            break
        names.append(part.upper())
    return PREFIX + DELIMITER.join(names)


def place_of(variable: str) -> str:
    """Return the text by which a fault names a variable as its place."""
    return f"environment variable {variable}"


def _set_by(model: type[BaseModel], name: str, text: str) -> dict[str, Any] | None:
    """Return the values that one variable sets; None if it should be JSON and is not."""
    # Imported here: it takes 0.03 s to load, and most sites set everything in the file.
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

    source = EnvSettingsSource(
        cast("type[BaseSettings]", model),  # it only uses fields and config, as any model has
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
    )
    source.env_vars = {name.lower(): text}
    try:
        return source()
    except SettingsError:
        return None


def _misspelt(name: str, sections: list[str]) -> str | None:
    top, nested, _ = name.removeprefix(PREFIX).lower().partition(DELIMITER)
    if top in sections:
        return None
    near = get_close_matches(top, sections, n=1)
    if near:
        return f"sets no key; did you mean {PREFIX}{near[0].upper()}{nested}…?"
    return f"sets no key; known sections: {', '.join(sections)}" if nested else None
