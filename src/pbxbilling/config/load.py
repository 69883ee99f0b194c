"""Loads file, environment and secrets into one frozen `Settings`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pbxbilling.config.document import parse, read_text
from pbxbilling.config.environment import overlay, place_of, values_from, variable_for
from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.lines import KeyPath, key_lines, line_of
from pbxbilling.config.secret import (
    SecretUnreadableError,
    check_stripe_secret,
    read_secret,
    secret_files,
)
from pbxbilling.config.settings import Settings
from pbxbilling.config.validation_messages import dotted, faults_of


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """Load a TOML file, override it by the environment, and read the secret files.

    Raises ConfigError with every fault at once: an unreadable or malformed file, unknown keys,
    wrong types and values, secret files that cannot be read.
    """
    text = read_text(path)
    written = parse(path, text)
    overrides, faults = values_from(env, Settings)
    merged = overlay(written, overrides)
    places = _Places(str(path), key_lines(text), overrides)
    secrets, unreadable = _secrets(merged, path.parent, env, places)
    faults += unreadable
    try:
        # Validate as JSON: there pydantic is strict about types, yet accepts lists for tuples
        # and strings for enums, as TOML writes them.
        settings = Settings.model_validate_json(json.dumps(merged, default=str))
    except ValidationError as error:
        faults += faults_of(error, Settings, places.of)
        raise ConfigError(faults) from None  # pydantic's text would show values, even secrets
    if faults:
        raise ConfigError(faults)
    return _with_secrets(settings, secrets)


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
) -> tuple[dict[KeyPath, SecretStr], list[Fault]]:
    """Return the secrets by the keys that name their files, and the faults of unreadable ones."""
    secrets: dict[KeyPath, SecretStr] = {}
    faults: list[Fault] = []
    for key, name in secret_files(merged):
        try:
            secrets[key] = read_secret(name, beside, env)
            check_stripe_secret(key, secrets[key])
        except SecretUnreadableError as error:
            faults.append(Fault(*places.of(key), dotted(key), str(error)))
    return secrets, faults


def _with_secrets(settings: Settings, secrets: Mapping[KeyPath, SecretStr]) -> Settings:
    pbx = tuple(
        one.model_copy(update={"secret": secrets.get(("pbx", index, "secret_file"), one.secret)})
        for index, one in enumerate(settings.pbx)
    )
    password = secrets.get(("mqtt", "password_file"), settings.mqtt.password)
    token = secrets.get(("usage", "token_file"), settings.usage.token)
    return settings.model_copy(
        update={
            "pbx": pbx,
            "usage": settings.usage.model_copy(update={"token": token}),
            "mqtt": settings.mqtt.model_copy(update={"password": password}),
            "stripe": settings.stripe.with_secrets(secrets),
        }
    )
