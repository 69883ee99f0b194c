"""Loads file, environment and secrets into one frozen `Settings`."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pbxbilling.config.dangers import contradictions
from pbxbilling.config.document import parse, read_text
from pbxbilling.config.environment import overlay, place_of, values_from, variable_for
from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.lines import KeyPath, key_lines, line_of
from pbxbilling.config.secret import (
    INLINE,
    SecretUnreadableError,
    check_secret,
    read_secret,
    secret_files,
    web_secret_files,
)
from pbxbilling.config.settings import Settings
from pbxbilling.config.validation_messages import dotted, faults_of
from pbxbilling.runtime.database_url import has_password


def load(path: Path, env: Mapping[str, str], *, with_secrets: bool = True) -> Settings:
    """Load a TOML file, override it by the environment, and read the secret files.

    `with_secrets` false: read no secret file but that of `[web.database]`, and refuse a file that
    holds a secret itself; for the process that faces the world. Raises ConfigError with every fault
    at once: an unreadable or malformed file, unknown keys, wrong types and values, secret files
    that cannot be read.
    """
    text = read_text(path)
    written = parse(path, text)
    overrides, faults = values_from(env, Settings)
    merged = overlay(written, overrides)
    places = _Places(str(path), key_lines(text), overrides)
    read = _secrets if with_secrets else _no_secrets
    secrets, unreadable, loose = read(merged, path.parent, env, places)
    faults += unreadable
    try:
        # Validate as JSON: there pydantic is strict about types, yet accepts lists for tuples
        # and strings for enums, as TOML writes them.
        settings = Settings.model_validate_json(json.dumps(merged, default=_as_written))
    except ValidationError as error:
        faults += faults_of(error, Settings, places.of)
        raise ConfigError(faults) from None  # pydantic's text would show values, even secrets
    if faults:
        raise ConfigError(faults)
    settings = _with_secrets(settings, secrets)
    if against := [Fault(*places.of(k), dotted(k), why) for k, why in contradictions(settings)]:
        raise ConfigError(against)
    return settings.with_loose_files((*loose, *_inline_in(path, written)))


def _as_written(value: Any) -> str:
    """Return the text of a value that is no JSON: a day, or a secret from the environment."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@dataclass(frozen=True, slots=True)
class _Places:
    """Finds where a value came from: a line of the file, or an environment variable."""

    path: str
    lines: Mapping[KeyPath, int]
    overrides: Mapping[str, Any]

    def of(self, key: KeyPath) -> tuple[str, int | None]:
        """Return source and line of a key; for a missing key, the line of its table."""
        if self._is_overridden(key):
            return place_of(variable_for(key)), None
        return self.path, line_of(key, self.lines)

    def _is_overridden(self, key: KeyPath) -> bool:
        value: Any = self.overrides
        for part in key:
            if not isinstance(value, Mapping):
                return True  # a variable sets a list of tables as a whole
            if part not in value:
                return False
            value = value[part]
        return not isinstance(value, Mapping)


def _secrets(
    merged: Mapping[str, Any], beside: Path, env: Mapping[str, str], places: _Places
) -> tuple[dict[KeyPath, SecretStr], list[Fault], list[str]]:
    """Return the secrets by the keys that name their files, their faults, and warnings of modes."""
    return _read(secret_files(merged), beside, env, places)


def _read(
    files: Iterable[tuple[KeyPath, str]], beside: Path, env: Mapping[str, str], places: _Places
) -> tuple[dict[KeyPath, SecretStr], list[Fault], list[str]]:
    secrets: dict[KeyPath, SecretStr] = {}
    faults: list[Fault] = []
    loose: list[str] = []
    for key, name in files:
        try:
            file = read_secret(name, beside, env)
            check_secret(key, file.secret)
        except SecretUnreadableError as error:
            faults.append(Fault(*places.of(key), dotted(key), str(error)))
        else:
            secrets[key] = file.secret
            loose += filter(None, [file.warning()])
    return secrets, faults, loose


def _no_secrets(
    merged: Mapping[str, Any], beside: Path, env: Mapping[str, str], places: _Places
) -> tuple[dict[KeyPath, SecretStr], list[Fault], list[str]]:
    """Return the web process's own, and a fault for each that stands in the settings themselves."""
    secrets, faults, loose = _read(web_secret_files(merged), beside, env, places)
    why = "this process must not know it: move it to a file of its own (…_file)"
    faults += [Fault(*places.of(key), dotted(key), why) for key in _inline(merged)]
    return secrets, faults, loose


def _inline_in(path: Path, written: Mapping[str, Any]) -> list[str]:
    """Return a warning where anybody may read a file that has secrets in it, or write it."""
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        return [f"{path} can be written by anybody: `chmod o-w {path}`"]
    if mode & stat.S_IROTH and any(_inline(written)):
        return [f"{path} has secrets in it and can be read by anybody: `chmod o-r {path}`"]
    return []


def _inline(written: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Yield the keys that hold a secret itself."""
    tables: list[tuple[KeyPath, Any]] = [((), written)]
    tables += [((name,), table) for name, table in written.items()]
    pbx = written.get("pbx")
    web = written.get("web")
    tables.append((("web", "database"), web.get("database") if isinstance(web, Mapping) else None))
    tables += [(("pbx", n), one) for n, one in enumerate(pbx if isinstance(pbx, list) else ())]
    for at, table in tables:
        if isinstance(table, Mapping):
            yield from ((*at, key) for key in table if key in INLINE)
    for at, table in tables:
        url = table.get("url") if at[-1:] == ("database",) and isinstance(table, Mapping) else None
        if isinstance(url, str) and has_password(url):
            yield *at, "url"


def _with_secrets(settings: Settings, secrets: Mapping[KeyPath, SecretStr]) -> Settings:
    pbx = tuple(
        one.model_copy(update={"secret": secrets.get(("pbx", index, "secret_file"), one.secret)})
        for index, one in enumerate(settings.pbx)
    )
    database = secrets.get(("database", "password_file"), settings.database.password)
    password = secrets.get(("mqtt", "password_file"), settings.mqtt.password)
    token = secrets.get(("usage", "token_file"), settings.usage.token)
    hook = secrets.get(("agi", "token_file"), settings.agi.token)
    own = secrets.get(("web", "database", "password_file"))
    web = settings.web.database
    if web is not None and own is not None:
        web = web.model_copy(update={"password": own})
    return settings.model_copy(
        update={
            "pbx": pbx,
            "database": settings.database.model_copy(update={"password": database}),
            "agi": settings.agi.model_copy(update={"token": hook}),
            "usage": settings.usage.model_copy(update={"token": token}),
            "web": settings.web.model_copy(update={"database": web}),
            "mqtt": settings.mqtt.model_copy(update={"password": password}),
            "stripe": settings.stripe.with_secrets(secrets),
        }
    )
