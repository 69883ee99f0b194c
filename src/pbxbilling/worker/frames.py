"""Values in a file without a name, by which the daemon and its worker hand them to one another.

Each has a tag; an index at the end tells where those of a tag are, so that a reader gets to them
without reading the others. Both sides run the same Python: the worker is started from the daemon's
own executable.
"""

from __future__ import annotations

import marshal
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Self, cast

_LENGTH = struct.Struct("<Q")
_END = struct.Struct("<Q8s")  # where the index is
_SEAL = b"pbxframe"


class Frames:
    """A file of values; it is gone with the last process that has it open.

    A value consists of None, numbers, strings, bytes and lists, tuples and dicts of these.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[str, list[int]] = {}
        self._read: dict[str, list[int]] | None = None

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Make a file on the disk of that folder. Raises OSError."""
        return cls(cast("BinaryIO", TemporaryFile(dir=folder)))

    @classmethod
    def in_memory(cls) -> Self:
        """Make one that never reaches a disk: for secrets, and for little. Raises OSError."""
        return cls(os.fdopen(os.memfd_create("frames"), "w+b"))

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Open the file of a descriptor, which is closed with it."""
        return cls(os.fdopen(descriptor, "r+b"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time is fine. To free a large one takes a while."""
        self._file.close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file.fileno()

    def put(self, tag: str, value: Any) -> None:
        """Append a value. Raises OSError."""
        self._places.setdefault(tag, []).append(self._append(value))

    def seal(self) -> None:
        """Complete the file for its reader; further values may follow, until it is sealed anew."""
        index = self._append(self._places)
        self._file.write(_END.pack(index, _SEAL))
        self._file.flush()

    def take(self, tag: str) -> Iterator[Any]:
        """Yield the values of a tag, in order. Raises EOFError unless the file is sealed."""
        if self._read is None:
            self._read = self._index()
        return map(self._at, self._read.get(tag, ()))

    def _append(self, value: Any) -> int:
        packed = marshal.dumps(value)
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(_LENGTH.pack(len(packed)))
        self._file.write(packed)
        return place

    def _index(self) -> dict[str, list[int]]:
        size = self._file.seek(0, os.SEEK_END)
        if size >= _END.size:
            self._file.seek(size - _END.size)
            place, seal = _END.unpack(self._file.read(_END.size))
            if seal == _SEAL:
                found: dict[str, list[int]] = self._at(place)
                return found
        raise EOFError

    def _at(self, place: int) -> Any:
        self._file.seek(place)
        (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
        return marshal.loads(self._file.read(length))  # noqa: S302 - written by our own process
