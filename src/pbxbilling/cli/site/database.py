"""Commands about the database as a whole: copy it to one of another make."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pbxbilling.cli.options import DEFAULT, Config, Json, wrong_usage
from pbxbilling.cli.printing.output import print_done

if TYPE_CHECKING:
    from pbxbilling.runtime.database_url import DatabaseUrl

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The url of a database.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The url of an empty database.")],
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Copy a database into an empty one, while no daemon uses them: SQLite, PostgreSQL, or both."""
    from pbxbilling.store.database.copy import copy as run
    from pbxbilling.store.database.opening import database_at

    with wrong_usage("FROM"):
        copied = database_at(_place(source, config))
    with wrong_usage("TO"):
        new = database_at(_place(target, config))
    shown = sys.stderr.isatty() and not json
    rows = asyncio.run(run(copied, new, _show if shown else _show_nothing))
    done = {"from": copied.name, "to": new.name, "rows": rows}
    sentence = (
        f"{new.name}: a copy of {copied.name}, {sum(rows.values())} rows; counts and sums are the"
        " same in both"
    )
    print_done(done, sentence, as_json=json)


def _place(url: str, config: Path) -> DatabaseUrl:
    """Parse a url; one of the configuration has the password of the configuration."""
    from pbxbilling.config.faults import ConfigError
    from pbxbilling.config.load import load
    from pbxbilling.runtime.database_url import PostgresUrl, parse_database_url

    place = parse_database_url(url)
    if isinstance(place, PostgresUrl) and not place.password:
        with suppress(ConfigError):  # PGPASSWORD or a password file may do
            own = load(config, os.environ).database.place
            if isinstance(own, PostgresUrl) and own.with_password("") == place:
                return own
    return place


def _show(table: str, done: int, of: int) -> None:
    """Show how far a table is on a terminal, in one line a table."""
    sys.stderr.write(f"\r{table}: {done} of {of} rows" + "\n" * (done >= of))
    sys.stderr.flush()


def _show_nothing(table: str, done: int, of: int) -> None:
    del table, done, of
