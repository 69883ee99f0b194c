"""Real Asterisk instances, one of each release per test run, idle when handed to a test."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rig import provision
from rig.asterisk import Asterisk
from rig.settings import Settings
from rig.site import claimed_block

ABSENT = "127.0.0.1:1"
"""A hook address without a listener."""


def _running(release: provision.Release, tmp: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """Start it, or skip with the reason why it is unavailable."""
    try:
        provision.chroot(release)
        provision.tool("sipp")
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {release.major}: {reason}")
    with (
        claimed_block() as block,
        Asterisk(
            release, tmp.mktemp(f"asterisk{release.major}"), block, Settings(hook=ABSENT)
        ) as asterisk,
    ):
        yield asterisk


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Yield a stack that closes with the test, before Asterisk is handed on."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def _session_22(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    yield from _running(provision.ASTERISK_22, tmp_path_factory)


@pytest.fixture(scope="session")
def _session_16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    yield from _running(provision.ASTERISK_16, tmp_path_factory)


def _lent(asterisk: Asterisk) -> Iterator[Asterisk]:
    """Yield it in its state of the start, and restore that state for the next test."""
    yield asterisk
    asterisk.hang_up_all()
    asterisk.restore()


@pytest.fixture
def asterisk(_session_22: Asterisk) -> Iterator[Asterisk]:
    """Asterisk 22 without a channel; its hook has no listener."""
    yield from _lent(_session_22)


@pytest.fixture
def old_asterisk(_session_16: Asterisk) -> Iterator[Asterisk]:
    """Asterisk 16 without a channel; its hook has no listener."""
    yield from _lent(_session_16)


@pytest.fixture(params=["asterisk", "old_asterisk"], ids=["22", "16"])
def each_asterisk(request: pytest.FixtureRequest) -> Asterisk:
    """Run the test on both releases."""
    chosen: Asterisk = request.getfixturevalue(request.param)
    return chosen
