"""A file that appears when it is whole, and takes no other file's place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.faults import check_folder
from pbxbilling.store.database.owner import create_owned

MODE = 0o600  # it holds what the database holds: who called whom


@contextmanager
def new_file(
    target: Path, *, replace: bool = False, beside_database: bool = False
) -> Iterator[Path]:
    """Write to the path given; once that went well it is on disk as `target`.

    It is the caller's; `beside_database` gives it to whom the folder belongs to.
    Raises `StoreError`, also where `target` exists and is not to be replaced; what failed leaves
    nothing behind.
    """
    check_folder(target)
    _check_free(target, replace=replace)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        if beside_database:
            os.close(create_owned(partial, MODE))
        else:
            partial.touch(MODE, exist_ok=False)
        yield partial
        _sync(partial)
        _check_free(target, replace=replace)  # it may have taken minutes
        os.replace(partial, target)
        _sync(target.parent)
    except OSError as error:
        raise StoreError(f"copy {target} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _check_free(target: Path, *, replace: bool) -> None:
    if not replace and os.path.lexists(target):
        raise StoreError(f"copy {target} was not made: the file exists; name another, or remove it")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
