"""The operator's settings for all tenants: mode, hangup causes, emergency numbers, defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pbxbilling.kernel.codes import Direction, Mode, Reason
from pbxbilling.kernel.numbers import compact


class EmergencyNumbers:
    """Numbers that pass every check, dialled alone or after one of the site's prefixes.

    They are recognized in any spelling ("1 1 2", "+112", "112#"). A prefix counts only in front of
    a whole emergency number: with prefix "0", "0112" is one and "01125" is none.
    """

    def __init__(self, numbers: Iterable[str], prefixes: Iterable[str] = ()) -> None:
        self.numbers = frozenset(numbers)
        self.prefixes = tuple(prefixes)
        behind = {p + n for p in self.prefixes for n in self.numbers}
        self._all = frozenset(map(compact, self.numbers | behind))

    def __contains__(self, number: str) -> bool:
        """Return whether the number dialled is an emergency number."""
        if number in self._all:
            return True
        if not number or number.isdecimal():  # most numbers: nothing to strip
            return False
        left = compact(number)
        return left in self._all or left.removeprefix("+") in self._all


DEFAULT_EMERGENCY = EmergencyNumbers(("112", "911", "999"))


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of the configuration that calls are judged by; a reload replaces it as a whole."""

    mode: Mode = Mode.OFF
    refuse_unknown_tenant: bool = False
    refuse_on_deadline: bool = False
    refuse_unusable: bool = True  # numbers that no carrier dials, where a number has a price
    refuse_on_malformed: bool = True
    cause: int = 17  # Q.850: 17 is SIP 486 Busy Here in chan_pjsip
    causes: Mapping[Reason, int] = field(default_factory=dict)
    emergency: EmergencyNumbers = DEFAULT_EMERGENCY
    emergency_directions: frozenset[Direction] = frozenset({Direction.OUTBOUND})
    emergency_charged: bool = False  # whether emergency legs cost what any leg costs
    grace_days: int = 7
    trial_days: int = 14
    default_plan: str = "free"
    timezone: str = "UTC"
    tenants_of_pbxes: Mapping[str, str] = field(default_factory=dict)  # PBXes of one tenant

    def is_emergency(self, number: str, direction: Direction) -> bool:
        """Return whether it is an emergency call by number and direction: it passes every check."""
        return number in self.emergency and direction in self.emergency_directions

    def is_free(self, *, emergency: bool) -> bool:
        """Return whether a leg costs nothing and uses no minutes, because it serves an emergency.

        In the European Union such calls are free of charge for the caller: directive 2018/1972,
        article 109.
        """
        return emergency and not self.emergency_charged

    def cause_for(self, reason: Reason) -> int:
        """Return the hangup cause of a refusal for this reason."""
        return self.causes.get(reason, self.cause)
