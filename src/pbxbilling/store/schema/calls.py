"""Defines the tables of calls, trunk legs, usage of purged legs, decisions and PBX marks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Table,
    and_,
    false,
    or_,
    text,
)

from pbxbilling.calls.live.records import EndWitness
from pbxbilling.store.schema.base import RowNumber, Text, metadata, partial_index, spelled

call = Table(
    "call",
    metadata,
    Column("call", Text, primary_key=True),
    Column("tenant", Text),
    Column("pbx", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("asker", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("hooked", Boolean, nullable=False),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("merged_into", Text),
    sqlite_with_rowid=False,
)

leg = Table(
    "leg",
    metadata,
    Column("pbx", Text, primary_key=True),
    Column("uniqueid", Text, primary_key=True),
    Column("call", Text),
    Column("tenant", Text),
    Column("direction", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),
    Column("month", Text),
    Column("witness", Text),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("answer_guessed", Boolean, nullable=False, server_default=false()),
    Column("gone_by", BigInteger),
    sqlite_with_rowid=False,
)

purged_usage = Table(
    "purged_usage",
    metadata,
    Column("tenant", Text, primary_key=True),  # "": legs without a tenant
    Column("month", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

decision = Table(
    "decision",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("pbx", Text),
    Column("uniqueid", Text, nullable=False),
    Column("call", Text),
    Column("tenant", Text),
    Column("direction", Text),
    Column("caller", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("breach", Text),
    Column("used", BigInteger),
    Column("limit", BigInteger),
)

pbx_mark = Table(
    "pbx_mark",
    metadata,
    Column("pbx", Text, primary_key=True),
    Column("heard_at", BigInteger),
    Column("journal_file", Text, nullable=False),
    Column("journal_offset", BigInteger, nullable=False),
    Column("lived_at", BigInteger),
)

# Queries use these same conditions, so that the partial indexes below apply.
CALL_OPEN = call.c.ended_at.is_(None)
CALL_MERGED = call.c.merged_into.is_not(None)
LEG_OPEN = and_(leg.c.answered_at.is_not(None), leg.c.ended_at.is_(None))
LEG_USED = and_(leg.c.answered_at.is_not(None), leg.c.month.is_not(None))
LEG_UNOWNED = and_(
    leg.c.tenant.is_(None), leg.c.answered_at.is_not(None), leg.c.ended_at.is_not(None)
)
GUESSED_ENDS = [spelled(witness) for witness in EndWitness if witness.guessed]
# Answered and ended, where the answer or the end is a guess.
LEG_ESTIMATED = and_(
    leg.c.answered_at.is_not(None),
    leg.c.ended_at.is_not(None),
    or_(leg.c.witness.in_(GUESSED_ENDS), text("answer_guessed")),
)
# Ended and not unowned, spelled so that SQLite matches the index in queries with `LEG_PLACED`.
LEG_PLACED = and_(
    leg.c.ended_at.is_not(None), or_(leg.c.tenant.is_not(None), leg.c.answered_at.is_(None))
)

partial_index("ix_call_open", CALL_OPEN, call.c.pbx)
partial_index("ix_call_merged", CALL_MERGED, call.c.ended_at)
partial_index("ix_call_ended", call.c.ended_at.is_not(None), call.c.ended_at)
partial_index("ix_leg_ended", LEG_PLACED, leg.c.ended_at)
partial_index("ix_leg_open", LEG_OPEN, leg.c.pbx)
partial_index("ix_leg_unowned", LEG_UNOWNED, leg.c.ended_at)
partial_index("ix_leg_estimated", LEG_ESTIMATED, leg.c.ended_at)
partial_index("ix_leg_of_tenant", LEG_USED, leg.c.tenant, leg.c.ended_at)
partial_index(
    "ix_leg_usage",
    LEG_USED,
    leg.c.tenant,
    leg.c.month,
    leg.c.direction,
    leg.c.talk_us,
    leg.c.billed_s,
    leg.c.allowance_s,
    leg.c.answered_at,  # without it SQLite reads the row to check the condition
)
Index("ix_decision_tenant_at", decision.c.tenant, decision.c.at)
Index("ix_decision_at", decision.c.at)
