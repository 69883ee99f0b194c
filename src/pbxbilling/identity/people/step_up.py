"""Who has shown a password or a code within the last minutes: for what could not be taken back."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from pbxbilling.identity.tokens.token import Draw, digest_of, new_text
from pbxbilling.kernel.ports import Clock

VALID_S: Final = 600.0
_OF_ONE_MOST: Final = 8  # browsers of one user at a time


class _Grant(NamedTuple):
    digest: str
    until_s: float


class StepUps:
    """Grants, in memory: with a restart they are over, and the user is asked again."""

    def __init__(self, clock: Clock, draw: Draw = secrets.token_bytes) -> None:
        self._clock = clock
        self._draw = draw
        self._granted: dict[str, list[_Grant]] = {}

    def grant(self, user: str) -> str:
        """Return a new grant of a user, who has just shown who they are."""
        text = new_text(self._draw)
        new = _Grant(digest_of(text), self._clock.monotonic() + VALID_S)
        self._granted[user] = [*self._valid(user), new][-_OF_ONE_MOST:]
        return text

    def is_granted(self, user: str, text: str) -> bool:
        """Return whether this is a grant of that user, and not over."""
        digest = digest_of(text)
        return any(one.digest == digest for one in self._valid(user))

    def withdraw(self, user: str) -> None:
        """End all grants of a user."""
        self._granted.pop(user, None)

    def _valid(self, user: str) -> list[_Grant]:
        now_s = self._clock.monotonic()
        return [one for one in self._granted.get(user, ()) if now_s < one.until_s]
