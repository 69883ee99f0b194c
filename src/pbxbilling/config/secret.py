"""Secrets that live in files of their own: found, read, and named when they cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential=


class SecretUnreadableError(Exception):
    """A secret file cannot be used; the message names it and the mend."""


def read_secret(name: str, beside: Path, env: Mapping[str, str]) -> SecretStr:
    """The secret in a file: a relative name in $CREDENTIALS_DIRECTORY, else in `beside`.

    A final newline is not part of it. Raises SecretUnreadableError for a file that is missing,
    may not be read, is empty or is not text.
    """
    path = _locate(name, beside, env)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
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
    return SecretStr(text)


def _locate(name: str, beside: Path, env: Mapping[str, str]) -> Path:
    credentials = env.get(CREDENTIALS)
    if credentials and (path := Path(credentials, name)).exists():
        return path
    return beside / name
