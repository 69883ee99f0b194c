"""Lines leave in order, and an unread output blocks nothing."""

import fcntl
import os
from collections.abc import Iterator

import pytest

from pbxbilling.telemetry.writer import LineWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_lines_leave_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    for n in range(3000):
        writer.write(b"%d\n" % n)
    writer.close()
    assert os.read(reading, 1 << 20) == b"".join(b"%d\n" % n for n in range(3000))
    assert writer.dropped == 0


def test_a_slow_reader_blocks_no_writer_and_drops_are_counted(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * size)  # nothing reads, and there is no room for a byte
    writer = LineWriter(writing, max_lines=100)
    for _ in range(5000):
        writer.write(b"y" * 99 + b"\n")
    assert writer.dropped >= 5000 - 1000 - 100  # what one batch took, and what may wait
    received = b""
    while received.count(b"\n") < 5000 - writer.dropped:
        received += os.read(reading, 1 << 16)
    writer.close()
    assert received.count(b"\n") + writer.dropped == 5000


def test_a_closed_output_is_counted_and_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    writer = LineWriter(writing)
    writer.write(b"nobody\n")
    writer.close()
    os.close(writing)
    assert writer.dropped == 1
