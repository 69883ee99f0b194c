"""How a line of extensions.conf is written: fields, priorities, applications within others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pbxbilling.setup.conf.text import stripped


def priority_of(text: str) -> tuple[str, str, str]:
    """Split `PRIORITY+OFFSET(LABEL)`; what follows the label means nothing."""
    name, _, label = stripped(text).partition("(")
    name, _, offset = name.partition("+")
    return name, label.partition(")")[0], offset


def application_of(text: str) -> tuple[str, str]:
    """Split `APPLICATION(ARGUMENTS)`; a hint may have variables and no application."""
    name, opened, arguments = text.partition("(")
    if not opened or "${" in name or "$[" in name:
        return text.lstrip(), ""
    inside, closed, _ = arguments.rpartition(")")
    return name.lstrip(), inside if closed else arguments


def first_field(text: str) -> tuple[str, str]:
    """Split at the first comma outside of `[…]`; a backslash hides what follows it."""
    depth, position = 0, 0
    while position < len(text):
        character = text[position]
        if character == "[":
            depth += 1
        elif character == "]":
            depth = max(0, depth - 1)
        elif character == "\\":
            position += 1
        elif character == "," and not depth:
            return text[:position], text[position + 1 :]
        position += 1
    return text, ""


def without_spaces(exten: str) -> str:
    """Return the name of an extension without spaces; those in a pattern's `[…]` count."""
    parts = re.split(r"(\[[^\]]*\]?)", exten) if exten.startswith("_") else [exten]
    return "".join(part if part.startswith("[") else part.replace(" ", "") for part in parts)


def meant(exten: str) -> str:
    """Return the name of an extension as it is compared: dashes outside of `[…]` mean nothing."""
    if "-" not in exten:
        return exten
    parts = re.split(r"(\[[^\]]*\]?)", exten) if exten.startswith("_") else [exten]
    return "".join(part if part.startswith("[") else part.replace("-", "") for part in parts)


def shrunk(caller: str) -> str:
    """Return a caller ID as it is compared: without what people put between digits."""
    parts = re.split(r"(\[[^\]]*\]?)", re.sub(r"[ ()]|\.(?!$)", "", caller))
    return "".join(part if part.startswith("[") else part.replace("-", "") for part in parts)


def applications(name: str, arguments: str) -> Iterator[tuple[str, str]]:
    """Yield an application with its arguments, or those that it runs: `ExecIf(x?Dial(y))`."""
    if name.lower() not in {"exec", "tryexec", "execif"}:
        yield name, arguments
        return
    for branch in _branches(arguments) if name.lower() == "execif" else [arguments]:
        yield from applications(*application_of(branch))


def _branches(arguments: str) -> list[str]:
    return split(split(arguments, "?", most=1)[-1], ":", most=1)


def split(text: str, separator: str, most: int = -1) -> list[str]:
    """Split at a separator outside of brackets and quotes, at most so many times."""
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        elif character == separator and depth == 0 and len(parts) != most:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]
