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
"""What a customer can be given."""

SEARCH_LAG_S = 60
"""A new customer is not found by a search for up to a minute (Stripe's documentation of search)."""


def create(request: Request) -> Body:
    """A new one; none is too like another."""
    return enrol(request.books, request.params, livemode=request.livemode)


def enrol(books: Books, params: Body, *, livemode: bool) -> Body:
    """A new one with these fields."""
    made = bodies.customer(books.new_id("cus"), books.clock.now(), params, livemode=livemode)
    books.put(made)
    books.tell("customer.created", made)
    return made


def named(books: Books, customer_id: str, *, livemode: bool) -> Body:
    """The living one that the parameter `customer` names."""
    body = books.get("customer", customer_id, livemode=livemode, param="customer", in_path=False)
    if body.get("deleted"):
        raise missing("customer", customer_id, "customer", in_path=False)
    return body


def retrieve(request: Request) -> Body:
    """A deleted one is still found, as just that."""
    body = request.named("customer")
    return bodies.deleted(body) if body.get("deleted") else body


def update(request: Request) -> Body:
    """Set what was given; metadata is added to."""
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
    """Its subscriptions end first."""
    body = _living(request)
    billing.forget_customer(request.books, body)
    return bodies.deleted(body)


def listing(request: Request) -> Body:
    """Of those that live; by e-mail, to the letter."""
    rows = request.books.rows("customer", livemode=request.livemode)
    rows = [row for row in rows if not row.get("deleted")]
    if "email" in request.params:
        rows = [row for row in rows if row["email"] == request.params["email"]]
    return listed(request, rows)


def search(request: Request) -> Body:
    """Clauses `email:'…'`, `name:'…'` and `metadata['…']:'…'`, joined by AND."""
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
