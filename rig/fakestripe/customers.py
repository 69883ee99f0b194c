"""The endpoints of customers."""

import re
from typing import Any

from rig.fakestripe import billing, bodies
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.forms import text
from rig.fakestripe.rejections import RejectedError, missing
from rig.fakestripe.requests import Request, listed

FIELDS = "address description email metadata name phone tax_exempt"
"""The fields that a customer can be given."""

SEARCH_LAG_S = 60
"""A search may miss a new customer for up to a minute (Stripe's documentation of search)."""


def create(request: Request) -> Body:
    """Create one; duplicates are allowed."""
    return enrol(request.books, request.params, livemode=request.livemode)


def enrol(books: Books, params: Body, *, livemode: bool) -> Body:
    """Create one with these fields."""
    made = bodies.customer(books.new_id("cus"), books.clock.now(), params, livemode=livemode)
    books.put(made)
    books.tell("customer.created", made)
    return made


def named(books: Books, customer_id: str, *, livemode: bool) -> Body:
    """Return the customer, not deleted, that the parameter `customer` names."""
    body = books.get("customer", customer_id, livemode=livemode, param="customer", in_path=False)
    if body.get("deleted"):
        raise missing("customer", customer_id, "customer", in_path=False)
    return body


def retrieve(request: Request) -> Body:
    """Return one; a deleted one is still found, marked as deleted."""
    body = request.named("customer")
    return bodies.deleted(body) if body.get("deleted") else body


def update(request: Request) -> Body:
    """Set the given fields; metadata is merged."""
    body = _living(request)
    new = {name: value or None for name, value in request.params.items() if name in body}
    if "metadata" in new:
        new["metadata"] = body["metadata"] | (new["metadata"] or {})
    request.books.change(body, "customer.updated", **new)
    return body


def _living(request: Request) -> Body:
    body = request.named("customer")
    if body.get("deleted"):
        raise missing("customer", body["id"], "id", in_path=True)
    return body


def delete(request: Request) -> Body:
    """Delete one, after ending its subscriptions."""
    body = _living(request)
    billing.forget_customer(request.books, body)
    return bodies.deleted(body)


def listing(request: Request) -> Body:
    """List those not deleted; filter by exact e-mail."""
    rows = request.books.rows("customer", livemode=request.livemode)
    rows = [row for row in rows if not row.get("deleted")]
    if "email" in request.params:
        rows = [row for row in rows if row["email"] == request.params["email"]]
    return listed(request, rows)


def search(request: Request) -> Body:
    """Search by clauses `email:'…'`, `name:'…'` and `metadata['…']:'…'`, joined by AND."""
    query = text(request.params, "query")
    clauses = [_clause(one.strip()) for one in re.split(r"\bAND\b", query)]
    settled = request.books.clock.now() - SEARCH_LAG_S
    rows = request.books.rows("customer", livemode=request.livemode)
    hits = [
        row
        for row in rows
        if not row.get("deleted")
        and row["created"] <= settled
        and all(_field(row, path) == value for path, value in clauses)
    ]
    return bodies.found(request.path, hits)


def _clause(written: str) -> tuple[str, str]:
    hit = re.fullmatch(r"""([\w\[\]'"]+):\s*["'](.*)["']""", written)
    if not hit:
        raise RejectedError(f"The query could not be understood: {written}", param="query")
    return re.sub(r"""["'\]]""", "", hit[1]), hit[2]


def _field(row: Body, path: str) -> Any:
    name, _, key = path.partition("[")
    return (row.get(name) or {}).get(key) if key else row.get(name)
