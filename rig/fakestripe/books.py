"""The fake's data: its objects by kind, and the events published about them.

Objects of test and live mode share one place, as in one Stripe account; a key sees its own mode.
"""

import copy
import threading
from collections.abc import Callable
from typing import Any

from rig.fakestripe import bodies
from rig.fakestripe.bodies import Body
from rig.fakestripe.clock import Clock
from rig.fakestripe.rejections import missing


class Books:
    """Every object. Hold `lock` to read or write.

    `told` is called with each new event, in order.
    """

    def __init__(self, clock: Clock, told: Callable[[Body], None]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._told = told
        self._tables: dict[str, dict[str, Body]] = {}
        self._issued = 0

    def new_id(self, prefix: str) -> str:
        """Return a new id; ids sort by age."""
        self._issued += 1
        return f"{prefix}_{self._issued:014d}"

    def put(self, body: Body) -> Body:
        """Save an object under its kind and id."""
        self._tables.setdefault(body["object"], {})[body["id"]] = body
        return body

    def get(
        self,
        kind: str,
        object_id: str,
        *,
        livemode: bool | None = None,
        param: str = "id",
        in_path: bool = True,
    ) -> Body:
        """Return the object itself, of either mode unless `livemode` is given.

        Raises RejectedError when there is none, worded for the `param` that named it.
        """
        body = self._tables.get(kind, {}).get(object_id)
        if body is None:
            raise missing(kind, object_id, param, in_path=in_path)
        if livemode is not None and body.get("livemode", livemode) is not livemode:
            other = "live" if body["livemode"] else "test"
            raise missing(kind, object_id, param, in_path=in_path, other_mode=other)
        return body

    def find(self, object_id: Any) -> Body | None:
        """Return the object of any kind with this id."""
        held = (table.get(object_id) for table in self._tables.values())
        return next((body for body in held if body), None)

    def rows(self, kind: str, *, livemode: bool | None = None) -> list[Body]:
        """Return all objects of a kind, newest first."""
        held = reversed(list(self._tables.get(kind, {}).values()))
        return [body for body in held if livemode in (None, body.get("livemode", livemode))]

    def drop(self, body: Body) -> None:
        """Keep only the note that the object was deleted. No list has it any more."""
        self._tables[body["object"]][body["id"]] = bodies.deleted(body) | {
            "livemode": body["livemode"]
        }

    def tell(self, kind: str, of: Body, previous: Body | None = None) -> Body:
        """Make an event of what just happened to `of`, save it, and publish it."""
        shown = copy.deepcopy(of)
        made = bodies.event(self.new_id("evt"), self.clock.now(), kind, shown, previous)
        self.put(made)
        self._told(made)
        return made

    def change(self, body: Body, kind: str, **new: Any) -> Body | None:
        """Set fields and publish their previous values. If nothing changed: None, and no event."""
        previous = {name: body[name] for name, value in new.items() if body[name] != value}
        if not previous:
            return None
        previous = copy.deepcopy(previous)
        body.update(new)
        return self.tell(kind, body, previous)
