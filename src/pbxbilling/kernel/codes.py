"""The fixed words that calls are judged by, and told of."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """A word of a list; it hashes as the text that it equals.

    StrEnum's own hash is a function in Python, of the member's name: as a key or in a set it costs
    three times as much, and a hook looks up a dozen of them.
    """

    __hash__ = str.__hash__


class Mode(Code):
    """What a breach leads to; counting goes on in every mode."""

    OFF = "off"
    LOG = "log"
    ENFORCE = "enforce"


class Direction(Code):
    """The direction of a call, by the path of its hook."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    INTERNAL = "internal"


class Reason(Code):
    """Why a call was admitted or refused: verdict, metric label, `[refusal]` key, JSON."""

    OK = "ok"
    EMERGENCY = "emergency"
    MAX_CALLS = "max_calls"
    MAX_OUTBOUND_CALLS = "max_outbound_calls"
    MAX_INBOUND_CALLS = "max_inbound_calls"
    MAX_TRUNK_LEGS = "max_trunk_legs"
    MAX_CALLS_PER_SECOND = "max_calls_per_second"
    ALLOWANCE = "allowance"
    SUSPENDED = "suspended"
    TRIAL_OVER = "trial_over"
    CANCELLED = "cancelled"
    READ_ONLY = "read_only"
    INCOMPLETE = "incomplete"
    UNKNOWN_TENANT = "unknown_tenant"
    DEADLINE = "deadline"
    FALLBACK = "fallback"
    UNRECONCILED = "unreconciled"
    NUMBER_UNUSABLE = "number_unusable"
    MALFORMED = "malformed"


class Outcome(Code):
    """What was decided, in the words of the metric's `verdict` label."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WOULD_REFUSE = "would_refuse"


class LegDirection(Code):
    """Which way a trunk leg goes, seen from the PBX: what is billed."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
