"""Checks that the database is usable, without changing it."""

from __future__ import annotations

import os
from pathlib import Path

from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.opening import database_at, is_missing_file

_SUBJECT = "database"


async def look(settings: DatabaseSettings) -> list[Check]:
    """Check the schema, and who holds the daemon's lock or lease.

    Of an SQLite file it takes the write lock for a moment.
    """
    place = settings.place
    database = database_at(place)
    try:
        if is_missing_file(place):
            schema = _absent(place.path)
        else:
            schema = await _schema(database)
        return [schema, await _holder(database)]
    except StoreError as fault:
        return [fail(_SUBJECT, "open", str(fault), "follow the message, then run this again")]
    except OSError as fault:
        found = f"{database.name}: {fault.strerror}"
        return [fail(_SUBJECT, "open", found, "run this as root, or as the daemon's user")]


async def _schema(database: Database) -> Check:
    current, head = await database.revisions()
    if current == head:
        return ok(_SUBJECT, "schema", f"{database.name} is writable, schema {current}")
    found = f"{database.name} is writable, schema {current or 'none'}: this program needs {head}"
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


async def _holder(database: Database) -> Check:
    holder = await database.holder()
    if holder is not None:
        return ok(_SUBJECT, "lock", f"held by {holder}")
    return warn(_SUBJECT, "lock", "it is free: no daemon runs on this database", "start the daemon")
