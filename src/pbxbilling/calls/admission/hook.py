"""The hook's request and its verdict: the fixed fields of both."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.kernel.codes import Direction, Reason
from pbxbilling.kernel.numbers import NOWHERE


@dataclass(slots=True, init=False)
class HookRequest:
    """The decoded environment of one FastAGI session; fields are empty where Asterisk sent none.

    `direction` is None for an unknown path, `pbx` None until the peer is known by name or address.
    `tenant` may be empty: inside a call the owner is the call's owner. Hand-written `__init__`:
    faster under mypyc (docs/decisions/0011-a-compiled-core.md).
    """

    uniqueid: str
    channel: str
    direction: Direction | None
    tenant: str
    linkedid: str
    number: str
    pbx: str | None
    caller: str
    accountcode: str
    context: str
    dnid: str
    peer: str

    def __init__(
        self,
        uniqueid: str,
        channel: str,
        direction: Direction | None = Direction.OUTBOUND,
        tenant: str = "",
        linkedid: str = "",
        number: str = "",
        pbx: str | None = "",
        caller: str = "",
        accountcode: str = "",
        context: str = "",
        dnid: str = "",
        peer: str = "",
    ) -> None:
        self.uniqueid = uniqueid
        self.channel = channel
        self.direction = direction
        self.tenant = tenant
        self.linkedid = linkedid
        self.number = number
        self.pbx = pbx
        self.caller = caller
        self.accountcode = accountcode
        self.context = context
        self.dnid = dnid
        self.peer = peer

    @property
    def did(self) -> str:
        """The number that was called, where the call came in: a trunk may send it apart."""
        return self.number if self.number not in ("", NOWHERE) else self.dnid


@dataclass(slots=True, init=False)
class Verdict:
    """The daemon's answer; its text is the value of the channel variable `PBXBILLING`.

    Add new fields only at the end.
    """

    admit: bool
    tenant: str
    direction: str
    reason: Reason
    cause: int | None  # Q.850 hangup cause of a refusal
    max_seconds: int | None  # what an announcement may promise
    call: str
    flags: tuple[str, ...]  # emergency, over_limit

    def __init__(
        self,
        admit: bool,
        tenant: str = "",
        direction: str = "",
        reason: Reason = Reason.OK,
        cause: int | None = None,
        max_seconds: int | None = None,
        call: str = "",
        flags: tuple[str, ...] = (),
    ) -> None:
        self.admit = admit
        self.tenant = tenant
        self.direction = direction
        self.reason = reason
        self.cause = cause
        self.max_seconds = max_seconds
        self.call = call
        self.flags = flags

    def __str__(self) -> str:
        return "|".join(
            (
                "ADMIT" if self.admit else "REFUSE",
                self.tenant,
                self.direction,
                self.reason,
                "" if self.cause is None else str(self.cause),
                "" if self.max_seconds is None else str(self.max_seconds),
                self.call,
                ",".join(self.flags),
            )
        )
