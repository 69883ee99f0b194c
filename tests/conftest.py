"""Rules for every test: in CI a skip is a failure, and soak tests run only on request.

Tests that share a fixture of their module run in one worker, so that it is set up once.
"""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

# A slow example on a busy machine is no fault; each test has its own limit against hanging.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect soak tests unless `-m` names them: deselected, not skipped."""
    _group_by_shared_fixtures(items)
    if "soak" in str(config.option.markexpr):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


def _group_by_shared_fixtures(items: list[pytest.Item]) -> None:
    for item in items:
        used = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009  not typed
        if any(fixture.scope == "module" for fixtures in used for fixture in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


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
