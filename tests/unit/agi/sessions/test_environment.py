"""Parsing the first lines of a session, however they arrive."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.agi.sessions.protocol import ENVIRONMENT_MAX_BYTES, LINE_MAX_BYTES, Environment
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.kernel.codes import Direction
from tests.support.agi.client import environment

WHOLE = b"".join(environment(caller="Jürgen".encode()))


def read(*pieces: bytes) -> Environment:
    """Feed until the environment wants no more."""
    env = Environment()
    for piece in pieces:
        if env.feed(piece):
            break
    return env


def cut(raw: bytes, at: list[int]) -> list[bytes]:
    """Split `raw` at these places."""
    places = [0, *sorted(place % (len(raw) + 1) for place in at), len(raw)]
    return [raw[a:b] for a, b in pairwise(places)]


def test_every_field_of_an_environment_is_read() -> None:
    env = read(*environment("inbound?site=2", "acme", "3201", linkedid="7.1", pbx="pbx2"))
    assert env.whole
    assert env.request("127.0.0.1") == HookRequest(
        uniqueid="1795222182.361",
        channel="PJSIP/acme-00000001",
        direction=Direction.INBOUND,
        tenant="acme",
        linkedid="7.1",
        number="3201",
        pbx="pbx2",
        caller="101",
        accountcode="acme",
        context="from-acme",
        dnid="",
        peer="127.0.0.1",
    )


@given(at=st.lists(st.integers(min_value=0), max_size=40), crlf=st.booleans())
def test_any_splitting_reads_the_same(at: list[int], crlf: bool) -> None:
    raw = WHOLE.replace(b"\n", b"\r\n") if crlf else WHOLE
    env = read(*cut(raw, at))
    assert env.whole
    assert env.request() == read(WHOLE).request()


@given(
    raw=st.lists(
        st.sampled_from(
            [b"\n", b"\r\n", b"\r", b"agi_uniqueid: 1", b"agi_arg_1: a", b"HANGUP", b"\xff"]
        )
    ).map(b"".join),
    at=st.lists(st.integers(min_value=0), max_size=10),
)
def test_garbage_is_cut_anywhere_without_a_difference(raw: bytes, at: list[int]) -> None:
    together, apart = read(raw), read(*cut(raw, at))
    assert (together.whole, together.request()) == (apart.whole, apart.request())


@given(st.lists(st.binary(max_size=200)))
def test_garbage_never_raises(pieces: list[bytes]) -> None:
    read(*pieces, b"\n\n").request()


@given(place=st.integers(min_value=0, max_value=27))
def test_a_hangup_line_anywhere_changes_nothing(place: int) -> None:
    lines = environment()
    lines.insert(place, b"HANGUP\n")
    env = read(*lines)
    assert env.whole
    assert env.request() == read(*environment()).request()


@given(st.permutations(environment()[:-1]))
def test_the_order_of_the_lines_does_not_matter(lines: list[bytes]) -> None:
    assert read(*lines, b"\n").request() == read(*environment()).request()


@given(st.integers(min_value=22, max_value=26))
def test_a_missing_argument_leaves_only_its_own_field_empty(index: int) -> None:
    lines = environment()
    name = lines.pop(index).partition(b":")[0]
    known, request = read(*environment()).request(), read(*lines).request()
    changed = {
        f.name for f in fields(HookRequest) if getattr(request, f.name) != getattr(known, f.name)
    }
    expected = {
        b"agi_arg_1": "tenant",
        b"agi_arg_2": "linkedid",
        b"agi_arg_3": "number",
        b"agi_arg_4": "pbx",
        b"agi_arg_5": "context",
    }
    assert changed == {expected[name]}


@given(st.integers(min_value=0, max_value=21))
def test_where_a_line_of_asterisks_is_missing_no_other_is_believed(index: int) -> None:
    lines = environment("internal")
    del lines[index]
    request = read(*lines).request("10.0.0.1")
    direction = None if index == 1 else Direction.INTERNAL
    assert request == HookRequest("", "", direction, context="", peer="10.0.0.1")


@given(st.integers(min_value=0, max_value=21), st.booleans())
def test_where_a_line_stands_twice_what_is_behind_the_caller_is_believed_alone(
    index: int, whole: bool
) -> None:
    lines = environment("internal", context="from-acme")
    lines.insert(index, lines[index].split(b":")[0] + b": written\n")
    request = read(*(lines if whole else lines[:-1])).request("10.0.0.1")
    told = read(*environment("internal", context="from-acme")).request("10.0.0.1")
    told.uniqueid = told.channel = told.caller = told.dnid = ""
    told.direction = None if index == 1 else told.direction
    assert request == told


@given(st.integers(min_value=1, max_value=4), st.integers(min_value=1, max_value=4))
def test_arguments_that_stand_twice_are_not_believed(of: int, before: int) -> None:
    lines = environment(number="0900")
    written = [b"agi_threadid: 1\n", *(b"agi_arg_%d: globex\n" % n for n in range(1, of + 1))]
    place = 21 + before  # among the arguments, like an unsanitised number
    for forged in (written, written[1:]):
        request = read(*lines[:place], *forged, *lines[place:]).request()
        assert request.tenant in {"", "acme"}


def test_of_an_environment_without_its_end_the_arguments_alone_make_the_tenant_known() -> None:
    whole = environment(tenant="", accountcode="globex", context="from-globex")
    known = read(*whole[:-1]).request()
    assert (known.accountcode, known.context) == ("globex", "from-globex")
    cut_short = read(*whole[:22]).request()  # an argument that takes precedence may still arrive
    assert (cut_short.accountcode, cut_short.context) == ("", "")


WORDS = (
    "\n", "\n", "\n", "\n\n", "\r\n", "x", "agi_arg_1: globex", "agi_arg_3: 112", "agi_threadid: 1",
    "agi_uniqueid: 7.7", "agi_network_script: inbound", "agi_accountcode: globex", "agi_dnid: 1",
    "agi_channel: y", "agi_context: z", "HANGUP",
)  # fmt: skip
HIS_OWN = (b"agi_channel", b"agi_callerid", b"agi_calleridname", b"agi_dnid", b"agi_rdnis")


@given(
    st.lists(st.sampled_from(WORDS), max_size=12).map(lambda words: "".join(words)[:79]),
    st.sampled_from(HIS_OWN),
)
def test_nothing_that_fits_into_a_number_makes_another_request(written: str, field: bytes) -> None:
    lines = [
        line[:-1] + written.encode() + b"\n" if line.startswith(field + b":") else line
        for line in environment()
    ]
    request = read(*lines).request()
    known = read(*environment()).request()
    assert request.direction is known.direction
    for name in ("uniqueid", "tenant", "linkedid", "number", "pbx", "accountcode", "context"):
        assert getattr(request, name) in {getattr(known, name), ""}


@pytest.mark.parametrize("path", ["sideways", "", "outbound/x", "?outbound"])
def test_an_unknown_path_is_no_direction(path: str) -> None:
    assert read(*environment(path)).request().direction is None


@pytest.mark.parametrize("path", ["internal", "internal?a=b", "internal/"])
def test_the_path_up_to_the_query_is_the_direction(path: str) -> None:
    assert read(*environment(path)).request().direction is Direction.INTERNAL


def test_the_calling_context_is_better_than_the_subroutines_own() -> None:
    lines = environment(context="from-acme")
    assert read(*lines).request().context == "from-acme"
    assert read(*lines[:-2], b"\n").request().context == "pbxbilling-admit"


def test_asterisks_placeholder_for_a_missing_caller_is_empty() -> None:
    assert read(*environment(caller=b"unknown")).request().caller == ""


def test_a_latin1_name_spoils_no_utf8_beside_it() -> None:
    request = read(*environment(tenant="zürich", caller="Jürgen".encode("latin-1"))).request()
    assert (request.tenant, request.caller) == ("zürich", "Jürgen")


def test_control_characters_are_taken_out() -> None:
    assert read(*environment(tenant="ac\0m\x1b\re")).request().tenant == "acme"


def test_of_an_environment_cut_short_only_whole_lines_count() -> None:
    env = Environment()
    env.feed(WHOLE[: WHOLE.index(b"agi_arg_3: 0155") + 15])
    assert not env.whole
    request = env.request()
    assert (request.tenant, request.number) == ("acme", "")


@pytest.mark.parametrize("size", [1, 1000, 2 * ENVIRONMENT_MAX_BYTES])
def test_an_environment_without_end_is_given_up_at_the_cap(size: int) -> None:
    endless = b"agi_uniqueid: 1\n" + b"x: y\n" * ENVIRONMENT_MAX_BYTES
    env = read(*(endless[i : i + size] for i in range(0, len(endless), size)), b"\n")
    assert not env.whole
    assert env.request().uniqueid == "1"


def test_a_line_beyond_all_reason_makes_no_environment() -> None:
    env = read(*environment(tenant="x" * LINE_MAX_BYTES))
    assert not env.whole


def test_many_lines_of_a_sane_length_make_one() -> None:
    env = read(*(b"agi_arg_%d: %b\n" % (n, b"x" * 1000) for n in range(20)), b"\n")
    assert env.whole
