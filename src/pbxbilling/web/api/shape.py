"""Results of services as JSON, under the keys that programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.views import CallView
from pbxbilling.subscriptions.daily_check import DailyReport, TransitionDue
from pbxbilling.subscriptions.subscription import Subscription

_RENAMED: Mapping[type, Mapping[str, str]] = {
    CallView: {"caller": "from", "number": "to"},
    LegRecord: {"key": "leg"},
    TransitionDue: {"transition": "turn"},
    DailyReport: {"transitions": "turns"},
    Subscription: {
        "id": "subscription",
        "period_start": "period_begins_at",
        "period_end": "period_ends_at",
    },
}


def plain(value: Any) -> Any:
    """Convert dataclasses, decimals and sets to JSON types; decimals become strings."""
    if is_dataclass(value) and not isinstance(value, type):
        names = _RENAMED.get(type(value), {})
        return {names.get(f.name, f.name): plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict") or isinstance(value, Decimal):
        return str(value)  # the key of a channel is printed as the leg id
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value
