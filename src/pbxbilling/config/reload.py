"""Determines what a reload changes, and which of the changes need a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pbxbilling.config.lines import KeyPath
from pbxbilling.config.sections import DatabaseSettings, FeaturesSettings, StripeSettings
from pbxbilling.config.settings import Settings
from pbxbilling.config.validation_messages import dotted

# Keys of what is bound or opened once, at the start.
_LISTEN: KeyPath = ("agi", "listen")
_AT_START: frozenset[KeyPath] = frozenset(
    {_LISTEN, ("http", "listen"), ("http", "admin")}
    | {("database", key) for key in DatabaseSettings.model_fields}
    | {("stripe", key) for key in StripeSettings.model_fields}
    | {("features", key) for key in FeaturesSettings.model_fields}
    | {("web", "user"), ("web", "signup"), ("web", "database")}
)


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """The outcome of reading the file again.

    `in_force` are the settings that now apply: the new ones, but the old value of every key in
    `restart`. `changed` and `restart` hold dotted keys without values, which can be secret.
    """

    in_force: Settings
    changed: tuple[str, ...]
    restart: tuple[str, ...]

    def __str__(self) -> str:
        if not self.changed and not self.restart:
            return "nothing changed"
        parts = []
        if self.changed:
            parts.append(f"in force: {', '.join(self.changed)}")
        if self.restart:
            parts.append(f"only after a restart: {', '.join(self.restart)}")
        return "; ".join(parts)


def reload_of(old: Settings, new: Settings) -> SettingsChange:
    """Compare the settings in force with those just read."""
    paths = tuple(_differences(old.model_dump(), new.model_dump()))
    if _LISTEN not in paths and old.agi.takes_old_hooks != new.agi.takes_old_hooks:
        paths = (*paths, _LISTEN)  # the same address, but the port of 0.1 opens or closes
    waiting = [path for path in paths if path in _AT_START]
    kept = new
    for section, key in waiting:
        kept = _carry_over(kept, old, str(section), str(key))
    return SettingsChange(
        in_force=kept,
        changed=tuple(dotted(path) for path in paths if path not in _AT_START),
        restart=tuple(map(dotted, waiting)),
    )


def _carry_over(new: Settings, old: Settings, section: str, key: str) -> Settings:
    before = getattr(old, section)
    held = getattr(new, section).model_copy(update={key: getattr(before, key)})
    if key not in before.model_fields_set:
        held.model_fields_set.discard(key)  # the file did not set it: see takes_old_hooks
    return new.model_copy(update={section: held})


def _differences(old: dict[str, Any], new: dict[str, Any], at: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of keys whose values differ; a list of tables differs as a whole."""
    for key, value in new.items():
        before = old[key]
        if isinstance(value, dict):
            yield from _differences(before, value, (*at, key))
        elif value != before:
            yield (*at, key)
