"""Rules for every test: in CI a skip is a failure, and soak tests run only on request.

Tests that share a costly fixture or ports run in one worker. What a test leaves of the process' own
state is put back, so that the next one in that worker does not depend on it.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from pbxbilling.runtime.database_url import DatabaseUrl, SqliteUrl
from tests.support.store.database import MAKES, database_of
from tests.support.store.postgres import new_database

# A slow example on a busy machine is no fault; each test has its own limit against hanging.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Files with a costly fixture of their own, or with tests that need the same ports.
ONE_WORKER = {
    f"tests/system/test_{name}.py"
    for name in (
        "bare",
        "freepbx",
        "postgres_faults",
        "postgres_opening",
        "reverse_proxy",
        "stripe_webhook",
        "upgrade",
        "wheel",
    )
}
ONE_WORKER_A_SITE = "tests/system/test_dialplan_cases.py"
"""Its ids begin with the site, which is a costly fixture for itself."""

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect soak tests unless `-m` names them: deselected, not skipped."""
    if "soak" in str(config.option.markexpr):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Write as a login shell does: a command that runs in this process sets its own umask."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(params=MAKES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseUrl]:
    """Give an empty database of each make, with the schema of today on PostgreSQL."""
    if request.param == "sqlite":
        yield SqliteUrl(tmp_path / "pbxbilling.db")
    else:
        with new_database() as url:
            yield url


@pytest.fixture(params=MAKES)
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseUrl]:
    """Give such a database with the schema of today; tests share PostgreSQL's, which is quicker."""
    with database_of(request.param, tmp_path) as url:
        yield url


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Spreads tests one by one, but keeps those of `ONE_WORKER` together, file by file,
    and those of one site of `ONE_WORKER_A_SITE`.

    The groups that xdist itself offers have no effect with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file == ONE_WORKER_A_SITE:
            return nodeid.partition("-")[0]
        return file if file in ONE_WORKER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    """Use it for `--dist=loadscope`."""
    return _Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _skip_fails_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _skip_fails_in_ci((yield))


def _skip_fails_in_ci(report: Report) -> Report:
    """Fail a skip in CI: a machine that cannot run a test proves nothing. Locally it is reported.

    An expected failure is also reported as skipped and is left unchanged.
    """
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and CI is set: {report.longrepr}"
    return report
