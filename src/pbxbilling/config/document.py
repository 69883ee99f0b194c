"""Reads a file and parses it as TOML, without interpreting its keys."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pbxbilling.config.faults import ConfigError, Fault


def read_text(path: Path, newline: str | None = None) -> str:
    """Return the text of a file. Raises ConfigError that says why it cannot be read.

    With `newline=""` the line endings are left unchanged.
    """
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:  # some editors add a BOM
            return file.read()
    except FileNotFoundError:
        message = "no such file: name another, or start from the example beside the documentation"
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8: save the file as UTF-8"
    except OSError as error:
        message = f"cannot be read ({error.strerror}): check its owner and mode"
    raise ConfigError([Fault(str(path), None, "", message)])


def parse(path: Path, text: str) -> dict[str, Any]:
    """Parse a TOML text read from `path` into its tables. Raises ConfigError with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError([Fault(str(path), line, "", f"not TOML: {error}")]) from error
    except RecursionError:
        message = "not valid TOML: tables or lists are nested hundreds of levels deep"
        raise ConfigError([Fault(str(path), None, "", message)]) from None
    except ValueError as error:  # a number with thousands of digits
        raise ConfigError([Fault(str(path), None, "", f"not TOML: {error}")]) from error
