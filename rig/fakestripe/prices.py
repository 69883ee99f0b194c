"""Prices: what a quantity costs, and tiers, which an answer shows only if it is asked to."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.requests import Request

_TIERS = "fake.tiers"


def put_tiers(books: Books, price: Body, tiers: Sequence[tuple[int | None, str]]) -> None:
    """Give a price tiers: up to a quantity (None: without end), for an amount each."""
    rows = [
        {
            "flat_amount": None,
            "flat_amount_decimal": None,
            "unit_amount": int(amount) if amount.isdigit() else None,
            "unit_amount_decimal": amount,
            "up_to": up_to,
        }
        for up_to, amount in tiers
    ]
    books.put({"id": f"tiers_{price['id']}", "object": _TIERS, "data": rows})


def retrieve(request: Request) -> Body:
    """Return a price, with its tiers if `expand` names them."""
    price = request.named("price")
    if "tiers" not in (request.params.get("expand") or []) or not price["tiers_mode"]:
        return price
    return price | {"tiers": _tiers(request.books, price)}


def cost(books: Books, price: Body, quantity: int) -> int:
    """Return what a quantity costs, rounded half up."""
    if not price["tiers_mode"]:
        total = quantity * Decimal(price["unit_amount_decimal"])
    elif price["tiers_mode"] == "volume":
        tiers = _tiers(books, price)
        total = next(
            quantity * Decimal(tier["unit_amount_decimal"])
            for tier in tiers
            if tier["up_to"] is None or quantity <= tier["up_to"]
        )
    else:
        total, begun = Decimal(0), 0
        for tier in _tiers(books, price):
            end = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
            total += max(0, end - begun) * Decimal(tier["unit_amount_decimal"])
            begun = max(begun, end)
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def _tiers(books: Books, price: Body) -> list[Body]:
    kept = books.find(f"tiers_{price['id']}")
    return list(kept["data"]) if kept else []
