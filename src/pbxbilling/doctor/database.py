"""Checks that the database is usable, without changing it."""

from __future__ import annotations

import os
from pathlib import Path

from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.lock import lock_holder
from pbxbilling.store.database.migrate import revisions

_SUBJECT = "database"


def look(database: DatabaseSettings) -> list[Check]:
    """Check the schema, taking the write lock for a moment, and who holds the daemon's lock."""
    try:
        return [_schema(database.path), _lock(database.path)]
    except StoreError as fault:
        return [fail(_SUBJECT, "open", str(fault), "follow the message, then run this again")]
    except OSError as fault:
        found = f"{database.path}: {fault.strerror}"
        return [fail(_SUBJECT, "open", found, "run this as root, or as the daemon's user")]


def _schema(path: Path) -> Check:
    if not path.exists():
        return _absent(path)
    current, head = revisions(path)
    if current == head:
        return ok(_SUBJECT, "schema", f"{path} is writable, schema {current}")
    found = f"{path} is writable, schema {current or 'none'}: this program needs {head}"
    return warn(_SUBJECT, "schema", found, "the daemon upgrades it at its next start")


def _absent(path: Path) -> Check:
    if path.parent.is_dir() and os.access(path.parent, os.W_OK):
        return warn(
            _SUBJECT, "schema", f"{path} does not exist yet", "start the daemon, which creates it"
        )
    fix = (
        "start the daemon, whose unit makes /var/lib/pbxbilling; any other folder: create"
        f" {path.parent}, and give the daemon's user write access"
    )
    return fail(_SUBJECT, "schema", f"{path} cannot be created", fix)


def _lock(path: Path) -> Check:
    holder = lock_holder(path)
    if holder is not None:
        return ok(_SUBJECT, "lock", f"held by process {holder or '?'}")
    return warn(_SUBJECT, "lock", "it is free: no daemon runs on this database", "start the daemon")
