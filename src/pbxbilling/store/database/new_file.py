"""Writes a file that appears only once complete, and does not overwrite another by mistake."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.sqlite.owner import create_owned

MODE = 0o600  # the file holds what the database does: who called whom


@contextmanager
def new_file(
    target: Path, *, replace: bool = False, beside_database: bool = False
) -> Iterator[Path]:
    """Yield a path to write to; when the body succeeds, the file is on disk as `target`.

    The caller owns it; with `beside_database` the owner of the folder does. A failure leaves
    nothing behind. Raises `StoreError`, also where `target` exists and `replace` is false, or is
    no plain file: a link is neither followed nor replaced.
    """
    if not target.parent.is_dir():
        raise StoreError(f"{target} has no folder: create {target.parent}")
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
        _check_free(target, replace=replace)  # again: the body may have taken minutes
        os.replace(partial, target)
        _sync(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _check_free(target: Path, *, replace: bool) -> None:
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not replace:
        raise StoreError(f"{target} was not made: the file exists; name another, or remove it")
    if not stat.S_ISREG(mode):
        raise StoreError(f"{target} was not made: what is there is no plain file; name another")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
