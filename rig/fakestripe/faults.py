"""The ways in which the API can fail to answer."""

from enum import StrEnum


class Fault(StrEnum):
    """What happens to requests; their effect, where they have one, is named."""

    DOWN = "down"
    """Connections are refused, those that are open break."""
    SLOW = "slow"
    """Taken, and never answered; without effect."""
    NONSENSE = "nonsense"
    """200 and a page of HTML; without effect."""
    ERROR = "error"
    """500, without effect."""
    RATE_LIMITED = "rate limited"
    """429, without effect."""
    ANSWER_LOST = "answer lost"
    """Done, and the connection breaks before the answer: the caller cannot know."""
