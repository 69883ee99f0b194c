"""What the dialplan asks and what it is told: the fixed words of the hook."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.domain.admission import Direction, Reason


@dataclass(slots=True)
class HookRequest:
    """One FastAGI session's environment, decoded. Empty where Asterisk had nothing to say.

    `direction` is None for an unknown path, `pbx` is None until the peer is known by its
    name or address. `tenant` may be empty: inside a call the owner is the call's owner.
    """

    uniqueid: str
    channel: str
    direction: Direction | None = Direction.OUTBOUND
    tenant: str = ""
    linkedid: str = ""
    number: str = ""
    pbx: str | None = ""
    caller: str = ""
    accountcode: str = ""
    context: str = ""
    dnid: str = ""
    peer: str = ""


@dataclass(slots=True)
class Verdict:
    """The daemon's answer; its text is the value of the channel variable `PBXBILLING`.

    New fields come only at the end. Not frozen: as `AdmissionDecided`, it is made for every hook.
    """

    admit: bool
    tenant: str = ""
    direction: str = ""
    reason: Reason = Reason.OK
    cause: int | None = None  # Q.850 hangup cause of a refusal
    max_seconds: int | None = None  # what an announcement may promise
    call: str = ""
    flags: tuple[str, ...] = ()  # emergency, over_limit

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


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a channel's `PBXBILLING` variable says of its call: how a daemon knows it again."""

    tenant: str
    direction: str
    call: str
    flags: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Inherited | None:
        """Read the variable; None where it is empty or not ours. Unknown fields are ignored."""
        fields = text.split("|")
        if len(fields) < 8 or fields[0] != "ADMIT":
            return None
        return cls(fields[1], fields[2], fields[6], frozenset(filter(None, fields[7].split(","))))
