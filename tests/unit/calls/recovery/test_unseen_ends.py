"""Law: whatever is killed, cut, lost or unreadable, nothing unproven is billed."""

from __future__ import annotations

from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.support.calls.history import History

WITHIN_S = 0.1

which = st.integers(0, 3)
happenings = st.one_of(
    st.tuples(st.sampled_from(["dial", "cut", "join", "pong", "look", "look", "look_cut"])),
    st.tuples(st.sampled_from(["start", "mark", "kill", "let_go"])),
    st.tuples(st.sampled_from(["kill_asterisk", "start_asterisk", "forbid", "allow"])),
    st.tuples(st.sampled_from(["answer", "ask_to_end", "hang_up", "hang_up", "lose"]), which),
    st.tuples(st.sampled_from(["lose_rows", "tear_row"]), which),
    st.tuples(st.just("stamp_late"), which, st.sampled_from([0.05, 0.3, 5.0])),
)
pauses = st.sampled_from([0.05, 2.0, 20.0])
steps = st.lists(st.tuples(pauses, happenings, st.booleans()), min_size=5, max_size=40)
Happening = tuple[Any, ...]
BEGIN: list[Happening] = [("start",), ("join",), ("look",)]
TWO_CALLS: list[Happening] = [("dial",), ("dial",), ("answer", 0), ("answer", 1)]


async def happen(story: History, name: str, *told: float) -> None:
    """Run one step of the story."""
    if name == "look_cut":
        await story.look(complete=False)
        return
    happened = getattr(story, name)(*told)
    if happened is not None:
        await happened


@settings(max_examples=300)
@given(st.booleans(), steps)
async def test_no_leg_is_billed_beyond_what_its_pbx_says(
    journal: bool,
    told: list[tuple[float, Happening, bool]],
) -> None:
    story = History(journal=journal)
    for what in BEGIN + TWO_CALLS:
        await happen(story, *what)
    await story.flush()
    for pause_s, what, flushed in told:
        story.wait(pause_s)
        await happen(story, *what)
        if flushed:
            await story.flush()
    await story.end()
    assert not await story.store.open_legs()
    truth = {channel.key: channel.talk_s for channel in story.channels}
    for key, leg in story.legs().items():
        note(f"{leg}")
        assert leg.talk_us / 1e6 <= truth[key] + WITHIN_S + 1e-6  # of a sum of floats
