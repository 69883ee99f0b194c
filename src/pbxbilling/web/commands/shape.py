"""Results of services as JSON, in the shape that programs hold on to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from pbxbilling.services.views import CallView

_CALL_KEYS = {"caller": "from", "number": "to"}


def plain(value: Any) -> Any:
    """Dataclasses, decimals and sets as JSON has them; decimals as strings."""
    if isinstance(value, CallView):
        return _call(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict") or isinstance(value, Decimal):
        return str(value)  # a channel's key is its leg id
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def _call(view: CallView) -> dict[str, Any]:
    return {
        _CALL_KEYS.get(field.name, field.name): plain(getattr(view, field.name))
        for field in fields(view)
    }
