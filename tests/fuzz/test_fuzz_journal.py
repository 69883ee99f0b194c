"""The journal: with any content it is read to its end, and a good leg is settled once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalPosition, JournalRow
from pbxbilling.cel.reader import CelJournal
from tests.support.calls.journal_rows import at, hook, line, row
from tests.support.calls.recovery import ListedJournal, Run
from tests.support.house.corpus import examples, explore, recorded, spoiled
from tests.support.store.memory_store import MemoryStore

CHUNK = 4096
LATE_S = 1e6  # later than every recording
GOOD = [
    row("CHAN_START", LATE_S, 900, "PJSIP/acme-00000009"),
    hook(100.1, 900, "outbound|acme|0155501", channel="PJSIP/acme-00000009"),
    row("CHAN_START", LATE_S + 0.2, 901, linked=900, exten="s"),
    row("ANSWER", LATE_S + 1, 901, linked=900),
    row("HANGUP", LATE_S + 11, 901, linked=900),
    row("CHAN_END", LATE_S + 11, 901, linked=900),
]


def read_all(file: Path) -> list[JournalRow]:
    """Return every row; each read advances, so it ends."""
    journal = CelJournal(file, CHUNK)
    position = JournalPosition()
    rows: list[JournalRow] = []
    while (batch := journal.read(position)) is not None:
        assert batch.end.offset > position.offset
        position = batch.end
        rows += batch.rows
    return rows


async def settled(rows: list[JournalRow]) -> MemoryStore:
    store, now = MemoryStore(), at(LATE_S + 1000)
    journal = ListedJournal(rows)
    await Run(store, journal, now).end()
    again = Run(store, journal, now)
    await again.take_up()
    await again.end()
    return store


@examples
def test_behind_any_garbage_the_next_good_leg_is_settled_once(
    examples: int, tmp_path: Path
) -> None:
    file = tmp_path / "cel.csv"

    def check(garbage: bytes) -> None:
        file.write_bytes(garbage + b"\n" + line(row("X", 0, 899)) + b"".join(map(line, GOOD)))
        rows = read_all(file)
        assert rows[-len(GOOD) :] == GOOD
        store = asyncio.run(settled(rows))
        (leg,) = [leg for key, leg in store.known_legs.items() if key.uniqueid.endswith(".901")]
        assert (leg.tenant, leg.answered_at, leg.ended_at) == (
            "acme",
            at(LATE_S + 1),
            at(LATE_S + 11),
        )

    explore(spoiled([*recorded(".csv"), b""]), check, examples)


@examples
def test_bytes_of_any_kind_are_read_to_their_end(examples: int, tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"

    def check(garbage: list[bytes]) -> None:
        file.write_bytes(b"".join(garbage))
        read_all(file)

    explore(st.lists(st.binary(max_size=3000), max_size=6), check, examples)
