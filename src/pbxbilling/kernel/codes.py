"""The fixed words of verdicts: the same in configuration, metrics, log and JSON."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """A word of a fixed list; it hashes as the text that it equals.

    StrEnum's own hash is a Python function of the member's name: as a dict key or in a set it costs
    three times as much, and each hook looks up a dozen of them.
    """

    __hash__ = str.__hash__


class Mode(Code):
    """What a breach of a limit leads to; calls are counted in every mode."""

    OFF = "off"
    LOG = "log"
    ENFORCE = "enforce"


class Direction(Code):
    """The direction of a call, given by the path of its hook."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    INTERNAL = "internal"


class Reason(Code):
    """Why a call was admitted or refused, in verdicts, metric labels, `[refusal]` keys and JSON."""

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
    """What was decided about a call, in the words of the metric's `verdict` label."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WOULD_REFUSE = "would_refuse"


class LegDirection(Code):
    """The direction of a trunk leg, seen from the PBX; trunk legs are what is billed."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
