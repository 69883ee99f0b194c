"""Reads Asterisk's CEL journal, the CSV file that cel_custom writes, from a saved position.

A file is identified by how it begins, not by its name, so a journal that was renamed, copied and
truncated, or compressed is found again and read to its end before the next one.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import io
import os
import re
import stat
import zlib
from collections.abc import AsyncIterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

from pbxbilling.calls.journal.journal import JournalBatch, JournalError, JournalPosition
from pbxbilling.cel.lines import parse_lines
from pbxbilling.cel.local_times import LocalTimes

CHUNK = 1 << 16  # bytes read and parsed at once: a millisecond or two in a worker thread
_READ = 8192  # bytes
_HEAD = 512  # bytes that identify a journal: they contain an instant in microseconds

# Suffixes that logrotate and similar tools add: .1, -20261121, .2.gz
_ROTATED = re.compile(r"[.-]\d[\d.-]*(\.gz)?")

_HOW_TO_FIX = (
    "include config/asterisk/cel_custom_pbxbilling.conf, create its folder and let the daemon's "
    "user read it (group asterisk), or leave cel_csv out"
)


class _Piece(NamedTuple):
    """Bytes of a file from an offset, with the file's first bytes and its length."""

    head: bytes
    data: bytes
    size: int


class CelJournal:
    """The journal of one PBX; implements `Journal`. It keeps no file open and no position."""

    def __init__(self, path: str | Path, chunk: int = CHUNK, zone: tzinfo | None = None) -> None:
        """`zone`: of local times, None: this machine's."""
        self._file = Path(path)
        self.path = str(path)
        self._chunk = chunk
        self._zone = zone
        self._read_to: tuple[JournalPosition, datetime | None] = JournalPosition(), None

    async def batches(self, after: JournalPosition) -> AsyncIterator[JournalBatch]:
        """Yield rows since `after`, a chunk at a time, each read and parsed in a worker thread.

        An incomplete last line is left for later. If nothing was ever read, start with the current
        file, not with files that were rotated before. Raises JournalError.
        """
        position = after
        with _Archive() as archive:
            while (batch := await asyncio.to_thread(self._next, position, archive)) is not None:
                yield batch
                position = batch.end

    def read(self, after: JournalPosition) -> JournalBatch | None:
        """Return the next rows (or skipped lines) after a position; None if there are none yet."""
        with _Archive() as archive:
            return self._next(after, archive)

    def _next(self, after: JournalPosition, archive: _Archive) -> JournalBatch | None:
        try:
            return self._read(after, archive)
        except OSError as fault:
            reason = fault.strerror or str(fault)
            raise JournalError(
                f"journal {fault.filename or self.path}: {reason}; {_HOW_TO_FIX}"
            ) from fault

    def _read(self, after: JournalPosition, archive: _Archive) -> JournalBatch | None:
        if not after.file:
            return self._batch(after, _piece(self._file, 0, self._chunk), 0)
        try:
            piece = _piece(self._file, after.offset, self._chunk)
        except FileNotFoundError:
            piece = None  # perhaps just rotated
        if piece and piece.size >= after.offset and _begins_as(piece.head, after.file):
            return self._batch(after, piece, after.offset)
        return self._read_rotated(after, archive, missing=piece is None)

    def _read_rotated(
        self, after: JournalPosition, archive: _Archive, *, missing: bool
    ) -> JournalBatch | None:
        """Read the rest of the file that was read last, then the files younger than it.

        If it is gone, read all files that are left: reading rows twice does no harm.
        """
        rotated = self._rotated()
        left = next((f for f in reversed(rotated) if _is_file(f, after.file)), None)
        if left is None and missing:
            _piece(self._file, 0, 0)  # raises what is wrong with it
        files = rotated[rotated.index(left) :] if left else rotated
        skipped = 0
        for file in files:
            offset = after.offset if file is left else 0
            piece = _rotated_piece(file, offset, self._chunk, archive)
            batch = piece and self._batch(after, piece, offset, skipped)
            if batch:
                return batch._replace(gap=left is None)
            skipped += bool(piece and piece.data)  # a last line without its end
        if missing:
            return None
        batch = self._batch(after, _piece(self._file, 0, self._chunk), 0, skipped)
        return batch and batch._replace(gap=left is None)

    def _batch(
        self, after: JournalPosition, piece: _Piece, offset: int, skipped: int = 0
    ) -> JournalBatch | None:
        before, latest = self._read_to
        times = LocalTimes(self._zone, latest if before == after else None)
        lines = parse_lines(piece.data, more=len(piece.data) == self._chunk, times=times)
        if not lines.consumed:
            return None
        read_to = offset + lines.consumed
        end = JournalPosition(_fingerprint(piece.head, read_to), read_to)
        self._read_to = end, times.latest
        return JournalBatch(after, end, lines.rows, lines.skipped + skipped)

    def _rotated(self) -> list[Path]:
        """Return the rotated files of this journal, oldest first."""
        name = self._file.name
        found = []
        with os.scandir(self._file.parent) as entries:
            for entry in entries:
                rest = entry.name.removeprefix(name)
                if rest != entry.name and _ROTATED.fullmatch(rest) and entry.is_file():
                    found.append((entry.stat().st_mtime_ns, entry.name))
        return [self._file.with_name(each) for _, each in sorted(found)]


def _fingerprint(head: bytes, offset: int) -> str:
    """Return a hash of a file's beginning, as far as it was read: growth does not change it."""
    known = head[: min(offset, _HEAD)]
    return f"{len(known)}:{hashlib.sha256(known).hexdigest()[:32]}"


def _begins_as(head: bytes, fingerprint: str) -> bool:
    length = fingerprint.partition(":")[0]
    return length.isdecimal() and _fingerprint(head, int(length)) == fingerprint


class _ShortReads(io.FileIO):
    """A file that returns at most 8 KiB a read.

    gzip asks for 128 KiB from Python 3.12 on, and here a file is often opened for its first 512
    bytes only.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; gzip reads on until it has as many as it needs."""
        return super().read(_READ if size is None or size < 0 else min(size, _READ))


class _Archive:
    """The compressed file that is being read: each piece continues where the last one ended.

    Reopened for each piece, it would be decompressed from its beginning every time.
    """

    def __init__(self) -> None:
        self._raw: _ShortReads | None = None
        self._stream: BinaryIO | None = None
        self._known: tuple[Path, int, int] | None = None
        self._head = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._raw is not None:
            self._raw.close()
        self._raw = self._stream = self._known = None

    def piece(self, file: Path, offset: int, length: int) -> _Piece:
        """Return a decompressed piece. Raises OSError, EOFError and zlib.error."""
        found = file.stat()
        known = (file, found.st_ino, found.st_mtime_ns)
        if self._stream is None or known != self._known:
            self._close()
            self._raw = _ShortReads(file)
            self._stream = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw))
            self._known = known
            self._head = self._stream.read(_HEAD)
        self._stream.seek(offset)
        return _Piece(self._head, self._stream.read(length), found.st_size)


def _is_file(file: Path, fingerprint: str) -> bool:
    with _Archive() as archive:
        piece = _rotated_piece(file, 0, 0, archive)
    return piece is not None and _begins_as(piece.head, fingerprint)


def _rotated_piece(file: Path, offset: int, length: int, archive: _Archive) -> _Piece | None:
    """Like `_piece`; None where the file is damaged, being compressed, or gone meanwhile."""
    try:
        if file.suffix == ".gz":
            return archive.piece(file, offset, length)
        return _piece(file, offset, length)
    except (OSError, EOFError, zlib.error):
        return None


def _piece(file: Path, offset: int, length: int) -> _Piece:
    """Read `length` bytes from an offset. Raises OSError."""
    if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for its writer
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    with file.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(length)
        stream.seek(0)
        head = stream.read(_HEAD)  # last: it must not be older than the data
        return _Piece(head, data, os.fstat(stream.fileno()).st_size)
