from datetime import timedelta

from pbxbilling.runtime.clock import QUIET_S, LogThrottle
from tests.support.kernel.clock import Clock
from tests.support.store.records import NOON


def test_of_many_in_a_row_one_a_minute_is_loud() -> None:
    clock = Clock(NOON)
    throttle = LogThrottle(clock.monotonic)
    assert [throttle.claim() for _ in range(3)] == [True, False, False]
    clock.move_to(NOON + timedelta(seconds=QUIET_S))
    assert [throttle.claim() for _ in range(2)] == [True, False]
