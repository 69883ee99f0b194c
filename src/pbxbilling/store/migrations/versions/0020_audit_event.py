"""What each audit record is about: its event, its tenant, who made it from where, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_SUBJECT = "tenant "


def upgrade() -> None:
    """Add the columns; records of before have no event, and the tenant that they name."""
    for name in ("event", "tenant"):
        op.add_column("audit", sa.Column(name, Text))
    given = {"actor_type": "command", "actor_id": "", "address": "", "request": "", "reason": ""}
    for name, default in given.items():
        op.add_column("audit", sa.Column(name, Text, nullable=False, server_default=default))
    audit = sa.table("audit", sa.column("subject", sa.String), sa.column("tenant", sa.String))
    named = sa.func.substr(audit.c.subject, len(_SUBJECT) + 1)
    op.execute(audit.update().where(audit.c.subject.startswith(_SUBJECT)).values(tenant=named))
    op.create_index("ix_audit_tenant", "audit", ["tenant", "id"])
    op.create_index("ix_audit_event", "audit", ["event", "id"])
