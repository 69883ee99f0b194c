"""The cases of docs/guides/dialplans.md's table, each on every dialplan that operators have.

A row is one case, a column one kind of site (rig/frames.py) with the recipe of the package in it, a
real daemon beside it, and Asterisk's own journal to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from rig.frames import FRAMES, Frame
from rig.provision import UnprovisionedError, chroot
from tests.support.setup import inside, outside
from tests.support.setup.site import Site, running
from tests.system.test_doctor import examined

pytestmark = pytest.mark.asterisk

Case = Callable[[Site], None]


def trunks_are_known(site: Site) -> None:
    """The pattern of the configuration matches both trunks, and the doctor finds no fault in it."""
    _, found = examined(site.daemon)
    (trunk,) = (check for (_, name), check in found.items() if "trunk" in name)
    assert trunk["result"] == "ok", trunk


ALL = "17 16 plain wazo miko"
TABLE: list[tuple[Case, str]] = [
    (outside.outgoing_ended_by_the_caller, "17 16 plain wazo miko"),
    (outside.outgoing_ended_by_the_called, "17 16 plain wazo miko"),
    (outside.failover, "17 16 plain wazo miko"),
    (outside.failover_within_limits_of_one, "17 16 plain wazo miko"),
    (outside.busy, "17 16 plain wazo miko"),
    (outside.refused, "17 16 plain wazo miko"),
    (outside.refused_inbound, "17 16 plain wazo miko"),
    (outside.emergency, "17 16 plain wazo miko"),
    (outside.inbound, "17 16 plain wazo miko"),
    (outside.allowance_used_up, "17 16 plain wazo miko"),
    (outside.click_to_call_through_local, "17 16 plain wazo miko"),
    (outside.click_to_call_of_a_phone, "17 16 plain wazo miko"),
    (outside.click_to_call_of_a_suspended_tenant, "17 16 plain wazo miko"),
    (inside.ring_group, "17 16 plain wazo miko"),
    (inside.queue, "17 16 plain wazo miko"),
    (inside.forward_through_a_local_that_stays, "17 16 plain wazo miko"),
    (inside.forward_through_a_local_that_leaves, "17 16 plain wazo miko"),
    (inside.follow_me_through_a_local_that_stays, "17 16 plain wazo miko"),
    (inside.follow_me_through_a_local_that_leaves, "17 16 plain wazo miko"),
    (inside.blind_transfer_outside, "17 16 plain wazo miko"),
    (inside.blind_transfer_inside, "17 16 plain wazo miko"),
    (inside.attended_transfer, "17 16 plain wazo miko"),
    (inside.parked_and_fetched, "17 16 plain wazo miko"),
    (inside.parked_and_left, "17 16 plain wazo miko"),
    (inside.inside_alone, "17 16 plain wazo miko"),
    (inside.menu_from_outside, "17 16 plain wazo miko"),
    (inside.survey, "17 16 plain wazo"),
    (inside.program_after_a_call_out, "17 16 plain wazo miko"),
    (inside.program_after_a_call_in, "17 16 plain wazo miko"),
    (trunks_are_known, "17 16 plain wazo miko"),
]
COLUMNS: dict[str, Frame] = dict(zip(ALL.split(), FRAMES, strict=True))
CELLS = [(column, case) for column in COLUMNS for case, sites in TABLE if column in sites.split()]


class Sites:
    """The sites of this module, each started when the first of its cases needs it."""

    def __init__(self, tmp: pytest.TempPathFactory) -> None:
        self._tmp = tmp
        self._stack = ExitStack()
        self._started: dict[str, Site] = {}

    def get(self, column: str) -> Site:
        """Return the site of a column; skip the test if its Asterisk is unavailable."""
        if column not in self._started:
            frame = COLUMNS[column]
            try:
                chroot(frame.release)
            except UnprovisionedError as reason:
                pytest.skip(f"no Asterisk {frame.release.major}: {reason}")
            site = running(frame, self._tmp.mktemp(frame.name))
            self._started[column] = self._stack.enter_context(site)
        return self._started[column]

    def close(self) -> None:
        """Stop all that were started."""
        self._stack.close()


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with closing(Sites(tmp_path_factory)) as made:
        yield made


@pytest.mark.parametrize(
    ("column", "case"), [pytest.param(c, case, id=f"{c}-{case.__name__}") for c, case in CELLS]
)
def test_a_case_on_a_site(sites: Sites, column: str, case: Case) -> None:
    site = sites.get(column)
    with ExitStack() as stack:
        site.begin(stack)
        try:
            case(site)
        finally:
            site.asterisk.hang_up_all()
