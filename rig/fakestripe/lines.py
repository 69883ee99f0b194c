"""The lines of invoices: an invoice shows the first ten, the others are listed page by page.

Order as in Stripe's documentation of the invoice object: pending items first, the newest of them
foremost, then those of the subscription's items, then what was added to the draft.
"""

from rig.fakestripe.bodies import Body, page
from rig.fakestripe.books import Books
from rig.fakestripe.requests import Request, listed

SHOWN = 10
_KEPT, _PENDING = "fake.lines", "fake.pending_line"


def put(books: Books, invoice: Body, lines: list[Body]) -> None:
    """Give an invoice these lines, and their sum as its amounts."""
    books.put({"id": f"lines_{invoice['id']}", "object": _KEPT, "data": lines})
    url = f"/v1/invoices/{invoice['id']}/lines"
    total = sum(line["amount"] for line in lines)
    invoice.update(total=total, subtotal=total, amount_due=total, amount_remaining=total)
    invoice["lines"] = page(url, lines[:SHOWN], has_more=len(lines) > SHOWN)


def date(books: Books, invoice: Body, period: tuple[int, int]) -> None:
    """Give the lines of subscription items these dates, as an update of a draft's line can."""
    for line in of(books, invoice):
        if line["parent"]["type"] == "subscription_item_details":
            line["period"] = {"start": period[0], "end": period[1]}


def of(books: Books, invoice: Body) -> list[Body]:
    """Return all lines of an invoice."""
    kept = books.find(f"lines_{invoice['id']}")
    return list(kept["data"]) if kept else []


def listing(request: Request) -> Body:
    """List the lines of an invoice."""
    return listed(request, of(request.books, request.named("invoice")))


def wait(books: Books, subscription_id: str, line: Body) -> None:
    """Keep a line until the next invoice of the subscription."""
    books.put({"id": line["id"], "object": _PENDING, "subscription": subscription_id, "line": line})


def take_pending(books: Books, subscription_id: str, invoice_id: str) -> list[Body]:
    """Return the lines that waited for this invoice, the newest first."""
    taken = [row for row in books.rows(_PENDING) if row["subscription"] == subscription_id]
    for row in taken:
        row["subscription"] = None
    return [row["line"] | {"invoice": invoice_id} for row in taken]
