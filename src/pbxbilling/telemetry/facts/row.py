"""One row per fact: the line that it writes in the log, and the counter that it adds to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from pbxbilling.kernel.facts import Fact
from pbxbilling.telemetry.facts.counts import CounterSpec, Counts, L, TenantLabels
from pbxbilling.telemetry.facts.line import Line, Mask

F = TypeVar("F", bound=Fact)

NO_LINE: Final = None
NO_COUNTER: Final = None


class Counting(Generic[F]):
    """How a fact is counted: `rule` adds to the counters `specs`, and to no other."""

    def __init__(
        self, specs: tuple[CounterSpec[Any], ...], rule: Callable[[F, Counts], None]
    ) -> None:
        self.specs = specs
        self.rule = rule


class Row(Generic[F]):
    """What telemetry makes of the facts of one class.

    A fact without a line or a counter says so: `NO_LINE`, `NO_COUNTER`. `is_detail`: whether the
    line of a frequent fact has level debug, asked so that it need not be built.
    """

    def __init__(
        self,
        fact: type[F],
        *,
        line: Callable[[F, Mask], Line] | None,
        counter: Counting[F] | None,
        is_detail: Callable[[F], bool] | None = None,
    ) -> None:
        self.fact = fact
        self.line = line
        self.counter = counter
        self.is_detail = is_detail


def plain(
    level: int, event: str, fields: Callable[[F], dict[str, Any]]
) -> Callable[[F, Mask], Line]:
    """Return the rule for lines of one level and event."""

    def line(fact: F, mask: Mask) -> Line:  # noqa: ARG001
        return Line(level, event, fields(fact))

    return line


def counted(spec: CounterSpec[L], labels: Callable[[F, TenantLabels], L]) -> Counting[F]:
    """Return the rule that adds 1 per fact, under the labels of the fact."""

    def count(fact: F, counts: Counts) -> None:
        counts.add(spec, labels(fact, counts.tenants))

    return Counting((spec,), count)


def tallied(name: str, text: str) -> Counting[Any]:
    """Return the rule that adds 1 per fact to a counter without labels, of its own."""
    return counted(CounterSpec(name, text, ()), lambda _fact, _: ())


def counted_by(rule: Callable[[F, Counts], None], *specs: CounterSpec[Any]) -> Counting[F]:
    """Return a rule of its own, with the counters that it adds to."""
    return Counting(specs, rule)
