"""Input for fuzz tests: recorded bytes, corrupted, in pieces of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ami.traces import TRACES

T = TypeVar("T")

CONFIG = Path(__file__).parents[3] / "config"

examples = pytest.mark.parametrize(
    "examples", [120, pytest.param(5_000, marks=pytest.mark.soak)], ids=["few", "many"]
)
"""Multiplies the examples of each fuzz test: short in CI, long under the `soak` marker."""

HOSTILE = (
    b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\r", b"\0", b'"', b'""', b"|", b"\\", b",", b";", b": ",
    b'","', b"\xff\xfe", b"\xe9", b"\xc3", b"\xed\xa0\x80", "é☎\u202e\u2028".encode(), b"HANGUP\n",
    b"Event: Hangup\r\n", b"agi_uniqueid: 1.1\n", b"-1", b"1e999", b"nan", b"9" * 5000, b"A" * 9000,
    b"[" * 3000, b"{" * 3000, b'"""', b"'''", b"${SHELL(id)}", b"%s%n", b"=1+1",
)  # fmt: skip


def recorded(ending: str) -> list[bytes]:
    """Return what real Asterisks wrote, old and new: `.ami` or `.csv`."""
    return [path.read_bytes() for path in sorted(TRACES.rglob(f"*{ending}"))]


@st.composite
def spoiled(draw: st.DrawFn, seeds: Sequence[bytes], most: int = 6) -> bytes:
    """A seed with a few places cut, doubled, moved, overwritten, or filled with harmful bytes."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, most))):
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        end = min(end, begin + 400)
        piece = data[begin:end]
        put = draw(
            st.one_of(
                st.just(b""),
                st.just(piece * 2),
                st.just(piece[::-1]),
                st.sampled_from(HOSTILE),
                st.binary(max_size=40),
            )
        )
        data = data[:begin] + put + (data[end:] if draw(st.booleans()) else data[begin:])
    return data


SIZES = st.lists(st.sampled_from([1, 2, 3, 7, 64, 1448, 65536]), min_size=1, max_size=4)


def pieces(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Split the bytes into reads of these sizes, repeated; small ones only at the beginning."""
    at = 0
    for number, size in enumerate(cycle(sizes)):
        if at >= len(data):
            return
        end = at + (size if number < 200 else 65536)
        yield data[at:end]
        at = end


def explore(what: st.SearchStrategy[T], check: Callable[[T], None], count: int) -> None:
    """Check so many examples; hypothesis shrinks a failing one."""

    @settings(max_examples=count)
    @given(what)
    def run(example: T) -> None:
        check(example)

    run()
