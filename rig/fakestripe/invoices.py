"""The endpoints of manual invoices: drafts with lines of their own, finalized and sent."""

from rig.fakestripe import invoice_bodies, lines
from rig.fakestripe.bodies import Body
from rig.fakestripe.forms import integer, text
from rig.fakestripe.rejections import RejectedError
from rig.fakestripe.requests import Request

FIELDS = (
    "customer currency auto_advance collection_method days_until_due"
    " pending_invoice_items_behavior metadata"
)
ITEM_FIELDS = "customer invoice amount currency description metadata"


def create(request: Request) -> Body:
    """Create a draft without lines."""
    books, params = request.books, request.params
    payer = books.get("customer", text(params, "customer"))
    now, object_id = books.clock.now(), books.new_id("in")
    made = invoice_bodies.invoice(
        object_id,
        now,
        of={
            "currency": text(params, "currency"),
            "livemode": payer["livemode"],
            "metadata": {},
            "id": None,
        },
        payer=payer,
        reason="manual",
        past=(now, now),
        number=f"FAKE-{object_id[-4:]}",
    )
    made.update(
        parent=None,
        status="draft",
        collection_method=params.get("collection_method", "charge_automatically"),
        metadata=dict(params.get("metadata", {})),
    )
    return books.put(made)


def add(request: Request) -> Body:
    """Add a line to a draft."""
    books, params = request.books, request.params
    invoice = books.get("invoice", text(params, "invoice"))
    if invoice["status"] != "draft":
        raise RejectedError("You can only add items to a draft invoice.")
    item_id, amount = books.new_id("ii"), integer(params, "amount") or 0
    line = {
        "id": books.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": params["currency"],
        "description": params.get("description"),
        "invoice": invoice["id"],
        "livemode": invoice["livemode"],
        "metadata": dict(params.get("metadata", {})),
    }
    lines.put(books, invoice, [*lines.of(books, invoice), line])
    return {**line, "id": item_id, "object": "invoiceitem"}


def finalize(request: Request) -> Body:
    """Turn a draft into an open invoice."""
    invoice = request.named("invoice")
    if invoice["status"] != "draft":
        raise RejectedError("This invoice is already finalized.")
    invoice["status"] = "open"
    request.books.tell("invoice.finalized", invoice)
    return invoice


def send(request: Request) -> Body:
    """Mail it."""
    invoice = request.named("invoice")
    if invoice["status"] != "open" or invoice["collection_method"] != "send_invoice":
        raise RejectedError("You can only manually send an open invoice that is to be sent.")
    request.books.tell("invoice.sent", invoice)
    return invoice
