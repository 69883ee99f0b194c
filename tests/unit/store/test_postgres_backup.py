"""`backup` of a PostgreSQL database names the command that makes one, without the password."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import parse_database_url
from pbxbilling.store.database.opening import database_at


@pytest.mark.parametrize(
    ("url", "conninfo"),
    [
        ("postgresql:///bills", "dbname=bills"),
        (
            "postgresql://me:secret@db1:5433,db2/bills?sslmode=require&sslcert=/my%20c",
            "host=db1,db2 port=5433,5432 user=me dbname=bills sslmode=require sslcert='/my c'",
        ),
        (
            "postgresql://o%27neill:secret@/bills?host=/run/pg&target_session_attrs=read-write",
            r"host=/run/pg port=5432 user='o\'neill' dbname=bills target_session_attrs=read-write",
        ),
    ],
)
async def test_the_command_reaches_the_same_database(
    url: str, conninfo: str, tmp_path: Path
) -> None:
    database = database_at(parse_database_url(url))
    with pytest.raises(StoreError, match=r"whose own program copies it while it is in use") as told:
        await database.backup(tmp_path / "a copy")
    assert "secret" not in str(told.value)
    _, command, _ = str(told.value).split("`")
    assert shlex.split(command) == [
        "pg_dump",
        "--format=custom",
        f"--file={tmp_path / 'a copy'}",
        conninfo,
    ]
