"""Finds and reads secret files; a fault names the file and the fix."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from pbxbilling.config.lines import KeyPath
from pbxbilling.config.value_types import check_hook_token, check_token

STRIPE_FILES: dict[str, Any] = {
    "secret_key_file": "stripe.key",
    "webhook_secret_files": ["stripe.webhook"],
}
_STRIPE_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "secret_key_file": ("sk_", "rk_"),
    "webhook_secret_files": ("whsec_",),
}
INLINE = frozenset({"secret", "secret_key", "webhook_secrets", "token", "password"})
"""Keys whose values are secrets, in place of a file."""
_TOKENS: Mapping[KeyPath, Callable[[SecretStr], SecretStr]] = {
    ("usage", "token_file"): check_token,
    ("agi", "token_file"): check_hook_token,
}
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential=


class SecretUnreadableError(Exception):
    """A secret file is unusable; the message names it and the fix."""


class SecretFile(NamedTuple):
    """The secret in a file, and the file's mode."""

    path: Path
    secret: SecretStr
    mode: int

    def warning(self) -> str | None:
        """Return what is wrong with the mode, if anybody can read the file."""
        if self.mode & stat.S_IROTH:
            return f"secret file {self.path} can be read by anybody: `chmod o-r {self.path}`"
        return None


def read_secret(name: str, beside: Path, env: Mapping[str, str]) -> SecretFile:
    """Return the secret in a file; look for a relative name in $CREDENTIALS_DIRECTORY first.

    If it is not there, it is relative to `beside`. Newlines at the end are not part of the secret.
    Raises SecretUnreadableError for a file that is missing, unreadable, empty, no line of text, or
    that anybody may write.
    """
    path = _locate(name, beside, env)
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().rstrip("\r\n")
    except FileNotFoundError as error:
        msg = f"secret file {path} does not exist: create it, readable by the daemon's user alone"
        raise SecretUnreadableError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"secret file {path} is not UTF-8 text: write the bare secret into it"
        raise SecretUnreadableError(msg) from error
    except OSError as error:
        msg = (
            f"secret file {path} cannot be read ({error.strerror}): give it to the daemon's user,"
            " or hand it over with LoadCredential="
        )
        raise SecretUnreadableError(msg) from error
    if not text:
        msg = f"secret file {path} is empty: write the bare secret into it"
        raise SecretUnreadableError(msg)
    if not text.isprintable():
        msg = f"secret file {path} has more than one line: write the bare secret into it"
        raise SecretUnreadableError(msg)
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        msg = f"secret file {path} can be written by anybody: `chmod 0400 {path}`"
        raise SecretUnreadableError(msg)
    return SecretFile(path, SecretStr(text), mode)


def check_secret(key: KeyPath, secret: SecretStr) -> None:
    """Raise SecretUnreadableError for a secret that is not of the kind that its key wants."""
    if check := _TOKENS.get(key):
        try:
            check(secret)
        except ValueError as error:
            raise SecretUnreadableError(str(error)) from error
    wanted = _STRIPE_PREFIXES.get(str(key[1])) if key[0] == "stripe" else None
    if wanted and not secret.get_secret_value().startswith(wanted):
        words = " or ".join(f"{prefix}…" for prefix in wanted)
        msg = f"the secret does not begin with {words}: copy it again from Stripe's dashboard"
        raise SecretUnreadableError(msg)


def _locate(name: str, beside: Path, env: Mapping[str, str]) -> Path:
    credentials = env.get(CREDENTIALS)
    if credentials and (path := Path(credentials, name)).exists():
        return path
    return beside / name


def web_secret_files(merged: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the only key whose secret file is the web process's."""
    web = merged.get("web")
    database = web.get("database") if isinstance(web, Mapping) else None
    yield from _named(database, ("web", "database"), "password_file")


def secret_files(merged: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield each key that names a secret file, with the name; none for a disabled `[stripe]`."""
    tables = merged.get("pbx")
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        yield from _named(table, ("pbx", index), "secret_file")
    yield from _named(merged.get("database"), ("database",), "password_file")
    yield from _named(merged.get("mqtt"), ("mqtt",), "password_file")
    yield from _named(merged.get("usage"), ("usage",), "token_file")
    yield from _named(merged.get("agi"), ("agi",), "token_file")
    stripe = merged.get("stripe")
    if isinstance(stripe, Mapping) and stripe.get("enabled") is True:
        stripe = STRIPE_FILES | {key: value for key, value in stripe.items() if value}
        if "secret_key" not in stripe:
            yield from _named(stripe, ("stripe",), "secret_key_file")
        names = stripe["webhook_secret_files"]
        if "webhook_secrets" not in stripe and isinstance(names, list):
            for index, name in enumerate(names):
                yield from _named({index: name}, ("stripe", "webhook_secret_files"), index)


def _named(table: Any, at: KeyPath, key: str | int) -> Iterator[tuple[KeyPath, str]]:
    name = table.get(key) if isinstance(table, Mapping) else None
    if isinstance(name, str) and name:
        yield (*at, key), name
