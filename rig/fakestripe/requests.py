"""Shared parts of the endpoints: a request, its object, a page of a list, expansion of ids."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rig.fakestripe import bodies
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.forms import integer
from rig.fakestripe.rejections import RejectedError, missing


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an endpoint; `ids` are the object ids in its path."""

    books: Books
    livemode: bool
    path: str
    ids: tuple[str, ...]
    params: Body

    def named(self, kind: str) -> Body:
        """Return the object that the path names."""
        return self.books.get(kind, self.ids[0], livemode=self.livemode)


Answer = Callable[[Request], Body]


def listed(request: Request, rows: list[Body]) -> Body:
    """Return one page of `rows`, newest first, by limit, starting_after and created."""
    limit = integer(request.params, "limit") or 10
    if not 1 <= limit <= 100:
        raise RejectedError("This value must be between 1 and 100.", param="limit")
    rows = _created_within(rows, request.params.get("created"))
    after = request.params.get("starting_after")
    if after:
        at = next((n for n, row in enumerate(rows) if row["id"] == after), None)
        if at is None:
            raise missing("object", after, "starting_after", in_path=False)
        rows = rows[at + 1 :]
    return bodies.page(request.path, rows[:limit], has_more=len(rows) > limit)


def _created_within(rows: list[Body], bounds: Any) -> list[Body]:
    """Filter by `created`: a second, or bounds gt, gte, lt, lte."""
    if bounds is None:
        return rows
    if not isinstance(bounds, dict):
        bounds = {"gte": bounds, "lte": bounds}
    low = max(integer(bounds, "gte") or 0, (integer(bounds, "gt") or -1) + 1)
    high = min(*(_upper(bounds, name, offset) for name, offset in (("lte", 0), ("lt", -1))))
    return [row for row in rows if low <= row["created"] <= high]


def _upper(bounds: Body, name: str, offset: int) -> float:
    value = integer(bounds, name)
    return float("inf") if value is None else value + offset


def expanded(request: Request, answer: Body) -> Body:
    """Return a copy with the ids of `expand` replaced by their objects."""
    answer = copy.deepcopy(answer)
    for path in request.params.get("expand") or []:
        _expand(request.books, answer, str(path).split("."))
    return answer


def _expand(books: Books, node: Any, path: list[str]) -> None:
    if isinstance(node, list):
        for one in node:
            _expand(books, one, path)
    elif isinstance(node, dict) and path[0] in node:
        name, *rest = path
        if isinstance(node[name], str):
            node[name] = copy.deepcopy(books.find(node[name]) or node[name])
        if rest:
            _expand(books, node[name], rest)
