"""The hook's port: any input gets one harmless line or none."""

from __future__ import annotations

import asyncio
import gc
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import orjson
import pytest
from hypothesis import strategies as st

from pbxbilling.agi.server import AgiServer, ListenerSettings
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s
from tests.support.agi.client import AgiClient, ask, environment
from tests.support.agi.reports import AgiReports
from tests.support.calls.world import World
from tests.support.house.corpus import HOSTILE, SIZES, examples, explore, pieces, spoiled
from tests.support.telemetry.facts import written

ONE_LINE = re.compile(rb'(SET VARIABLE __PBXBILLING "[^"\\\n\r\0]{1,500}"\n)?')
MIB = 1 << 20

GOOD = environment()
SEEDS = [
    b"".join(GOOD),
    b"".join(environment("inbound", caller="José ☎".encode(), tenant="günther")),
    b"".join(line.replace(b"\n", b"\r\n") for line in GOOD),
    b"".join([*GOOD[:9], b"HANGUP\n", *GOOD[9:], b"HANGUP\n", b"200 result=1\n"]),
    b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n",
]


class Hook:
    """A hook server in front of the real judge, used by one client after the other."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.world = World(Mode.ENFORCE, Plan("plan"))
        settings = ListenerSettings(port=0, deadline_s=5.0)
        self.reports = AgiReports()
        self.server = AgiServer(settings, self._judge, _policy, self.reports, SystemClock())

    def _judge(self, request: HookRequest) -> Verdict:
        verdict = self.world.admission.judge(request)
        for fact in self.world.facts:
            orjson.dumps(written(fact).fields, default=str)
        self.world.facts.clear()
        return verdict

    def asked(self, sent: Iterable[bytes]) -> bytes:
        """Return the server's answer to such a client, which half-closes after its last bytes."""
        return self.runner.run(self._asked(sent))

    async def _asked(self, sent: Iterable[bytes]) -> bytes:
        async with asyncio.timeout(patience_s(10)), AgiClient(self.server.port) as client:
            await client.pour(sent)
            return await client.rest()

    def serves(self) -> None:
        """Check that the next good call gets its verdict, and that we reported no fault."""
        verdict = self.runner.run(ask(self.server.port, environment(uniqueid="9.9")))
        assert verdict.startswith(b'SET VARIABLE __PBXBILLING "ADMIT|acme|outbound|ok|')
        assert not self.reports.failures
        self.world.ledger.calls.clear()


def _policy(request: HookRequest) -> Verdict:
    return Verdict(admit=False, tenant=request.tenant)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with asyncio.Runner() as runner, serving(Hook(runner)) as hook:
        yield hook


@contextmanager
def serving(hook: Hook) -> Iterator[Hook]:
    hook.runner.run(hook.server.__aenter__())
    try:
        yield hook
    finally:
        hook.runner.run(hook.server.__aexit__(None, None, None))


@examples
def test_spoiled_environments_in_pieces_of_any_size(hook: Hook, examples: int) -> None:
    def check(sent: tuple[bytes, list[int]]) -> None:
        assert ONE_LINE.fullmatch(hook.asked(pieces(*sent)))
        hook.serves()

    explore(st.tuples(spoiled(SEEDS), SIZES), check, examples)


@examples
def test_any_words_in_the_arguments_stay_inside_their_field(hook: Hook, examples: int) -> None:
    """The dialplan passes in text that a caller or a provider can write."""
    words = st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=80), st.text().map(str.encode))

    def check(written: tuple[bytes, bytes, bytes]) -> None:
        tenant, number, caller = written
        lines = environment(caller=caller)
        lines[-6] = b"agi_arg_1: %b\n" % tenant
        lines[-4] = b"agi_arg_3: %b\n" % number
        answer = hook.asked(lines)
        assert ONE_LINE.fullmatch(answer)
        assert answer.count(b"|") in {0, 7}
        hook.serves()

    explore(st.tuples(words, words, words), check, examples)


def test_a_mebibyte_of_header_is_answered_and_not_kept(hook: Hook) -> None:
    floods = [
        [b"agi_callerid: ", *[b"1" * 65536] * 16],
        [b"agi_x: y\n" * (MIB // 9)],
        [b"".join(GOOD[:-1]), b"\xff" * MIB],
    ]
    for flood in floods:
        hook.asked(flood)
    hook.serves()
    gc.collect()
    tracemalloc.start()
    try:
        for flood in floods * 4:
            assert ONE_LINE.fullmatch(hook.asked(flood))
        hook.serves()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MIB // 4
