import random

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.runtime.waiting import Backoff


@given(seed=st.integers())
def test_pauses_stay_within_their_bounds_and_grow_at_most_threefold(seed: int) -> None:
    backoff = Backoff(0.5, 30.0, random.Random(seed))
    last_s = 0.5
    for _ in range(50):
        pause_s = backoff.next_s()
        assert 0.5 <= pause_s <= min(30.0, last_s * 3)
        last_s = pause_s


def test_pauses_become_long_and_a_success_makes_them_short_again() -> None:
    backoff = Backoff(0.5, 30.0, random.Random(1))
    assert max(backoff.next_s() for _ in range(50)) > 15
    backoff.reset()
    assert backoff.next_s() <= 1.5


def test_two_daemons_do_not_keep_in_step() -> None:
    one, two = (Backoff(0.5, 30.0, random.Random(seed)) for seed in (1, 2))
    assert [one.next_s() for _ in range(5)] != [two.next_s() for _ in range(5)]
