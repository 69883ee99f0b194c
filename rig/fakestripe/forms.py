"""Parses Stripe's form parameters, `items[0][price]=…`, into dicts and lists."""

import re
from collections.abc import Iterable
from typing import Any

from rig.fakestripe.bodies import Body
from rig.fakestripe.rejections import RejectedError, needed


def parsed(pairs: Iterable[tuple[str, str]]) -> Body:
    """Parse `a[b]=1`, `a[0]=1` and `a[]=1`, nested to any depth. Values stay strings."""
    root: Body = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[last or str(len(node))] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    """Turn dicts with numbered keys into lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def text(params: Body, name: str) -> str:
    """Return a required parameter."""
    value = params.get(name)
    if not value:
        raise needed(name)
    return str(value)


def integer(params: Body, name: str) -> int | None:
    """Return a whole number, None if left out or empty."""
    value = params.get(name)
    if value in (None, ""):
        return None
    try:
        return int(str(value))
    except ValueError:
        raise RejectedError(f"Invalid integer: {value}", param=name) from None


def boolean(params: Body, name: str) -> bool | None:
    """Return `true` or `false`, None if left out."""
    value = params.get(name)
    if value in (None, ""):
        return None
    if value not in ("true", "false", "True", "False"):
        raise RejectedError(f"Invalid boolean: {value}", param=name)
    return str(value).lower() == "true"
