"""Values come out of a file of frames as they went in, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.worker.frames import Frames

FOLDER = Path(gettempdir())
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), VALUES)))
def test_each_tag_has_its_values_in_order(put: list[tuple[str, Any]]) -> None:
    with Frames.new(FOLDER) as frames:
        for tag, value in put:
            frames.put(tag, value)
        frames.seal()
        for wanted in "abc":
            assert list(frames.take(wanted)) == [value for tag, value in put if tag == wanted]


def test_more_can_follow_and_two_readers_take_turns() -> None:
    with Frames.new(FOLDER) as written:
        written.put("a", 1)
        written.seal()
        written.put("a", 2)
        written.put("b", 3)
        written.seal()
        with Frames.of(os.dup(written.fileno())) as read:
            pairs = zip(read.take("a"), read.take("b"), strict=False)
            assert list(pairs) == [(1, 3)]
            assert list(read.take("a")) == [1, 2]


@pytest.mark.parametrize("kept", [0, 5, 30, -1])
def test_a_file_that_is_not_complete_has_no_values(kept: int) -> None:
    with Frames.new(FOLDER) as written:
        written.put("a", "something of some length")
        written.seal()
        size = os.fstat(written.fileno()).st_size
        os.truncate(written.fileno(), kept % size)
        with Frames.of(os.dup(written.fileno())) as read, pytest.raises(EOFError):
            list(read.take("a"))
