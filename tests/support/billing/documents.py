"""A statement with a text of one's choice wherever a customer or an operator writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.proration import price_parts
from pbxbilling.billing.rating.rating import rate
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.document import as_json
from pbxbilling.billing.statements.statement import LineKind, OneOff, Statement, StatementKind
from tests.support.billing.tariffs import NOVEMBER, all_month, moment, used


def statement_with(text: str, address: str = "") -> Statement:
    """Return a final statement whose payer and one-off lines have that text."""
    tenant = Tenant(
        "acme", "voice-500", name=text, address=address or text, email=text, vat_id=text
    )
    terms = all_month(included_minutes=0)
    one_offs = [OneOff(str(n), kind, text, 500) for n, kind in enumerate((LineKind.FEE,) * 2)]
    return statement_of(
        tenant,
        NOVEMBER,
        StatementKind.FINAL,
        moment(31),
        terms,
        rate([used(60, leg="pbx1:1")], terms),
        prices=price_parts(terms),
        one_offs=one_offs,
    )


def written_statement(text: str) -> Mapping[str, Any]:
    """Return such a statement as the API answers it."""
    return {**as_json(statement_with(text)), "number": None, "notices": [text]}
