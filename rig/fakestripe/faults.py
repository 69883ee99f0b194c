"""The ways in which the API can fail to answer."""

from enum import StrEnum


class Fault(StrEnum):
    """What happens to requests; each comment says whether they take effect."""

    DOWN = "down"
    """Connections are refused, open ones break."""
    SLOW = "slow"
    """Accepted and never answered; without effect."""
    NONSENSE = "nonsense"
    """Answered 200 with a page of HTML; without effect."""
    ERROR = "error"
    """Answered 500, without effect."""
    RATE_LIMITED = "rate limited"
    """Answered 429, without effect."""
    ANSWER_LOST = "answer lost"
    """Done, but the connection breaks before the answer, so the caller cannot know."""
