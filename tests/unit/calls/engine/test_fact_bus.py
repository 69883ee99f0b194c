"""Which sinks receive a fact."""

from __future__ import annotations

from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.kernel.facts import Fact
from tests.support.telemetry.facts import one_of_each


def test_every_sink_hears_every_fact_in_the_order_of_joining() -> None:
    heard: list[tuple[str, Fact]] = []
    facts = FactBus()
    facts.join(
        (lambda fact: heard.append(("store", fact)), lambda fact: heard.append(("log", fact)))
    )
    sent = one_of_each()
    for fact in sent:
        facts(fact)
    assert heard == [(name, fact) for fact in sent for name in ("store", "log")]


def test_a_sink_that_skips_calls_gets_all_other_facts() -> None:
    heard: list[Fact] = []
    facts = FactBus()
    facts.join((heard.append,), besides=OF_CALLS)
    sent = one_of_each()
    for fact in sent:
        facts(fact)
    assert heard == [fact for fact in sent if type(fact) not in OF_CALLS]
    assert len(heard) == len(sent) - len(OF_CALLS)


def test_a_sink_that_joins_later_gets_facts_from_then_on() -> None:
    early: list[Fact] = []
    late: list[Fact] = []
    facts = FactBus()
    facts.join((early.append,))
    first, second, *_ = one_of_each()
    facts(first)
    facts.join((late.append,))
    facts(first)
    facts(second)
    assert (early, late) == ([first, first, second], [first, second])
