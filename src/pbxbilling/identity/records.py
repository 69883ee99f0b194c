"""Stored forms of answers to requests that are sent again.

They are rows of their own and not of the audit trail: an answer may have a link in it that lets
somebody pay, and it is of no use after a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class KeptAnswer(Record):
    """The answer to a request with a key of its sender's, keyed by `who` and `key`.

    `digest` is that of the whole request, `answer` the body that was sent.
    """

    who: str
    key: str
    digest: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswersExpired(Record):
    """Answers from before that instant are forgotten."""

    before: datetime
