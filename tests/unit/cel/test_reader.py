import gzip
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalBatch, JournalError, JournalPosition, JournalRow
from pbxbilling.cel.reader import CelJournal
from tests.support.calls.journal_rows import line, row

CHUNK = 1024  # about five rows
NOTHING = JournalPosition()
_MOST_ROTATED = 30  # more than any test creates


class Site:
    """Asterisk and logrotate writing one journal."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "pbxbilling.csv"
        self.file.touch()
        self.written: list[JournalRow] = []
        self._stamp = 1_700_000_000

    def write(self, rows: int = 1) -> None:
        with self.file.open("ab") as stream:
            for _ in range(rows):
                told = row("ANSWER", len(self.written), len(self.written))
                stream.write(line(told))
                self.written.append(told)

    def _turn(self) -> Path:
        """Make room for a new `.1`; older files move on."""
        for number in range(_MOST_ROTATED, 0, -1):
            for ending in ("", ".gz"):
                old = self._rotated(number, ending)
                if old.exists():
                    old.rename(self._rotated(number + 1, ending))
        return self._rotated(1)

    def _rotated(self, number: int, ending: str = "") -> Path:
        return self.file.with_name(f"{self.file.name}.{number}{ending}")

    def _stamped(self, file: Path) -> None:
        self._stamp += 60  # the kernel's clock is too coarse for a test
        os.utime(file, (self._stamp, self._stamp))

    def rename(self, *, create: bool = True) -> None:
        if self.file.exists():
            self._stamped(self.file)
            self.file.rename(self._turn())
        if create:
            self.file.touch()

    def copytruncate(self) -> None:
        if self.file.exists():
            copy = self._turn()
            shutil.copyfile(self.file, copy)
            self._stamped(copy)
            os.truncate(self.file, 0)

    def compress(self) -> None:
        plain = self._rotated(1)
        if plain.exists():
            packed = self._rotated(1, ".gz")
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            shutil.copystat(plain, packed)
            plain.unlink()


def read_all(
    journal: CelJournal, after: JournalPosition = NOTHING
) -> tuple[list[JournalBatch], JournalPosition]:
    batches = []
    while (batch := journal.read(after)) is not None:
        assert batch.start == after
        assert batch.end != after
        after = batch.end
        batches.append(batch)
    return batches, after


def rows_of(batches: list[JournalBatch]) -> list[JournalRow]:
    return [told for batch in batches for told in batch.rows]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def journal(site: Site) -> CelJournal:
    return CelJournal(site.file, CHUNK)


def test_every_row_is_read_once_in_bounded_batches(site: Site, journal: CelJournal) -> None:
    site.write(100)
    batches, end = read_all(journal)
    assert rows_of(batches) == site.written
    assert all(len(batch.rows) * 100 < CHUNK for batch in batches)
    assert end.offset == site.file.stat().st_size
    assert journal.read(end) is None


def test_only_what_is_new_is_read(site: Site, journal: CelJournal) -> None:
    site.write(10)
    _, end = read_all(journal)
    site.write(3)
    assert rows_of(read_all(journal, end)[0]) == site.written[10:]


def test_an_empty_journal_has_nothing_to_tell(journal: CelJournal) -> None:
    assert journal.read(NOTHING) is None


def test_the_rest_of_a_renamed_journal_comes_first(site: Site, journal: CelJournal) -> None:
    site.write(3)
    _, end = read_all(journal)
    site.write(20)
    site.rename()
    site.write(20)
    batches, _ = read_all(journal, end)
    assert rows_of(batches) == site.written[3:]
    assert not any(batch.gap for batch in batches)


def test_a_journal_renamed_and_not_yet_begun_anew_is_no_fault(
    site: Site, journal: CelJournal
) -> None:
    site.write(3)
    _, end = read_all(journal)
    site.write(2)
    site.rename(create=False)
    batches, end = read_all(journal, end)
    assert rows_of(batches) == site.written[3:]
    assert journal.read(end) is None


def test_names_with_a_date_are_known(site: Site, journal: CelJournal) -> None:
    site.write(3)
    _, end = read_all(journal)
    site.write(2)
    site.file.rename(site.file.with_name("pbxbilling.csv-20261121"))
    assert rows_of(read_all(journal, end)[0]) == site.written[3:]


def test_a_row_cut_short_by_rotation_is_counted(site: Site, journal: CelJournal) -> None:
    site.write(2)
    _, end = read_all(journal)
    with site.file.open("ab") as stream:
        stream.write(line(site.written[0])[:40])
    site.rename()
    site.write(1)
    (batch,), _ = read_all(journal, end)
    assert (batch.rows, batch.skipped) == (tuple(site.written[2:]), 1)


def test_a_replaced_journal_is_read_whole_and_reported_as_a_gap(
    site: Site, journal: CelJournal
) -> None:
    site.write(5)
    _, end = read_all(journal)
    site.file.unlink()
    site.write(20)
    batches, _ = read_all(journal, end)
    assert rows_of(batches) == site.written[5:]
    assert [batch.gap for batch in batches] == [True] + [False] * (len(batches) - 1)


def test_a_journal_that_was_shortened_is_read_whole(site: Site, journal: CelJournal) -> None:
    site.write(20)
    _, end = read_all(journal)
    os.truncate(site.file, 10 * len(line(site.written[10])))
    assert read_all(journal, end)[0][0].gap


def test_after_a_gap_all_that_is_left_is_read_the_oldest_first(
    site: Site, journal: CelJournal
) -> None:
    site.write(2)
    for _ in range(3):
        site.rename()
        site.write(2)
    lost = JournalPosition("12:0123456789abcdef", 4711)
    batches, _ = read_all(journal, lost)
    assert rows_of(batches) == site.written
    assert batches[0].gap


def test_a_first_reading_begins_with_the_file_as_it_is(site: Site, journal: CelJournal) -> None:
    site.write(2)
    site.rename()
    site.write(2)
    assert rows_of(read_all(journal)[0]) == site.written[2:]


def test_a_damaged_archive_is_passed_over(site: Site, journal: CelJournal) -> None:
    site.write(2)
    _, end = read_all(journal)
    site.rename()
    site.write(2)
    broken = gzip.compress(b"x" * 9999)[:20]
    site.file.with_name("pbxbilling.csv.2.gz").write_bytes(broken)
    assert rows_of(read_all(journal, end)[0]) == site.written[2:]


@pytest.mark.parametrize("position", [NOTHING, JournalPosition("5:abc", 5)])
def test_a_missing_journal_is_an_error_with_the_fix(
    tmp_path: Path, position: JournalPosition
) -> None:
    journal = CelJournal(tmp_path / "none.csv")
    with pytest.raises(JournalError, match=r"none\.csv: No such file .*cel_custom_pbxbilling"):
        journal.read(position)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cel-custom"):
        CelJournal(tmp_path / "cel-custom" / "x.csv").read(JournalPosition("5:abc", 5))


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(JournalError, match="not a regular file"):
            CelJournal(path).read(NOTHING)


async def test_batches_end_where_nothing_is_new(site: Site, journal: CelJournal) -> None:
    site.write(30)
    batches = [batch async for batch in journal.batches(NOTHING)]
    assert rows_of(batches) == site.written
    assert [b async for b in journal.batches(batches[-1].end)] == []


def bytes_read() -> int:
    """Return the bytes that this process has read so far, from anything."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def test_of_a_large_file_only_what_is_new_is_read(site: Site) -> None:
    site.write(20)
    (first,), _ = read_all(CelJournal(site.file))
    size = 200 << 20
    os.truncate(site.file, size)  # what was written meanwhile, and read
    end = JournalPosition(first.end.file, size)
    site.write(100)
    before = bytes_read()
    batches, _ = read_all(CelJournal(site.file), end)
    assert rows_of(batches) == site.written[20:]
    assert bytes_read() - before < 200_000


async def test_a_compressed_journal_is_unpacked_once(site: Site) -> None:
    site.write(2)
    _, end = read_all(CelJournal(site.file))
    site.write(20_000)
    site.rename()
    site.compress()
    packed = site.file.with_name(f"{site.file.name}.1.gz").stat().st_size
    before = bytes_read()
    chunk = packed // 10
    batches = [batch async for batch in CelJournal(site.file, chunk).batches(end)]
    assert rows_of(batches) == site.written[2:]
    looked_at = 16_384 * len(batches)  # the beginning of each file, which identifies it
    assert bytes_read() - before < 2 * packed + looked_at


ACTS = st.lists(
    st.sampled_from(
        ["write", "write many", "rename", "rename only", "copytruncate", "compress", "read"]
    ),
    max_size=25,
)


@settings(max_examples=150)
@given(acts=ACTS)
def test_rotation_at_any_point_loses_and_doubles_nothing(
    acts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = Site(tmp_path_factory.mktemp("journal"))
    journal = CelJournal(site.file, CHUNK)
    site.write()
    read, position = read_all(journal)
    for act in acts:
        match act:
            case "write":
                site.write()
            case "write many":
                site.write(12)
            case "rename":
                site.rename()
            case "rename only":
                site.rename(create=False)
            case "copytruncate":
                site.copytruncate()
            case "compress":
                site.compress()
            case "read":
                batches, position = read_all(journal, position)
                read += batches
    site.write()
    batches, _ = read_all(journal, position)
    assert rows_of(read + batches) == site.written
