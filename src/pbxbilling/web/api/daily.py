"""The daily check, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.subscriptions.daily_check import ACTOR
from pbxbilling.web.api.command import Arguments, Command, Services


async def _daily_check(services: Services, given: Arguments, actor: str) -> Any:
    return await services.daily.run(f"{ACTOR} ({actor})", dry_run=given["dry_run"])


COMMANDS: Mapping[str, Command] = {"daily-check": Command(_daily_check, writes=True)}
