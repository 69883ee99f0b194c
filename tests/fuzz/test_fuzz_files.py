"""Files written by people: every fault is reported as one, none is a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pbxbilling.config.accounts_file import load_accounts
from pbxbilling.config.document import read_text
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.load import load
from pbxbilling.config.tenants_csv import read_tenants
from tests.support.house.corpus import CONFIG, HOSTILE, examples, explore, spoiled

SETTINGS = (CONFIG / "pbxbilling.example.toml").read_bytes()
ACCOUNTS = (CONFIG / "accounts.example.toml").read_bytes()
TENANTS = (
    b'tenant,plan,name,email,dids,max_calls,anchor_day,timezone\r\nacme,pro,"Acme, Inc.",'
    b"a@example.com,+15550100;+15550101,5,31,Europe/Berlin\r\nglobex,pro,'=1+1,,,-1,,UTC\r\n"
)


Reader = Callable[[Path], object]


def faults(reader: Reader, file: Path) -> str | None:
    """Return the fault reported for a file; None for a good one. Other exceptions fail the test."""
    try:
        reader(file)
    except ConfigError as error:
        return str(error)
    return None


def survives(reader: Reader, file: Path, written: bytes) -> None:
    file.write_bytes(written)
    told = faults(reader, file)
    assert told is None or str(file.parent) in told


def load_alone(file: Path) -> None:
    load(file, {})


def read_csv(file: Path) -> None:
    read_tenants(read_text(file, newline=""), str(file))


READERS: dict[str, tuple[Reader, bytes]] = {
    "settings": (load_alone, SETTINGS),
    "accounts": (load_accounts, ACCOUNTS),
    "tenants": (read_csv, TENANTS),
}


@examples
@pytest.mark.parametrize("kind", READERS)
def test_a_spoiled_file_is_good_or_its_faults_are_told(
    kind: str, examples: int, tmp_path: Path
) -> None:
    reader, good = READERS[kind]
    (tmp_path / "ami.secret").write_text("ours")
    (tmp_path / "ami.secret").chmod(0o600)
    file = tmp_path / kind
    explore(spoiled([good]), lambda written: survives(reader, file, written), examples)
    file.write_bytes(good)
    reader(file)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_a_file_of_nothing_else_is_told_too(kind: str, evil: bytes, tmp_path: Path) -> None:
    reader, _ = READERS[kind]
    for written in (evil, b"a = " + evil, b'["a.' + evil, b'[plan.a]\nname = "' + evil + b'"\n'):
        survives(reader, tmp_path / kind, written)
