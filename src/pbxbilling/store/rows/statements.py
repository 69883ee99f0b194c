"""Maps statements, their legs, one-off lines, plan switches and units to rows and back."""

from __future__ import annotations

from sqlalchemy import Executable, bindparam, update

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.billing.rating.rating import RatedLeg, UsedLeg
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.runtime.flat import Codec, word
from pbxbilling.store import schema
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, TEXT, Values

_DOCUMENT = Codec(dict, lambda document: document or {})  # NULL where it was not selected

STATEMENT = TableRows(
    SavedStatement,
    schema.statement,
    {"begins": INSTANT, "ends": INSTANT, "made_at": INSTANT, "document": _DOCUMENT},
)
BILLED_LEG = TableRows(
    BilledLeg,
    schema.statement_leg,
    {"uniqueid": TEXT, "direction": word(LegDirection), "number": TEXT, "ended_at": INSTANT},
    {"rated": RatedLeg, "rated.leg": UsedLeg, "rated.leg.key": ChannelKey},
)
ONE_OFF = TableRows(OneOffEntry, schema.one_off, {"reason": TEXT, "actor": TEXT, "at": INSTANT})
SWITCH = TableRows(PlanSwitched, schema.plan_switch, {"at": INSTANT})
UNITS = TableRows(UnitsUsed, schema.generic_usage, {"reference": TEXT, "at": INSTANT})


def use_one_off() -> Executable:
    """Return the UPDATE that marks a one-off line as used by a final statement, permanently."""
    row = schema.one_off.c
    return (
        update(schema.one_off)
        .where(
            row.tenant == bindparam("of_tenant"),
            row.number == bindparam("of_number"),
            row.used_in.is_(None),
        )
        .values(used_in=bindparam("to_used_in"))
    )


def used_values(record: OneOffUsed) -> Values:
    """Build the parameters of `use_one_off`; SET already uses a column's own name."""
    return {
        "of_tenant": record.tenant,
        "of_number": record.number,
        "to_used_in": record.month,
    }
