"""What is held on people: purged by hand, and forgotten for a tenant that is gone.

What is handed out is read from the file alone, by the command itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Services

LIMIT_S = 20.0  # who asked waits for the answer; the nightly purge takes what time it needs


async def _purge(services: Services, given: Arguments, _actor: str) -> Any:
    """Purge for `LIMIT_S` at the most; `complete` is false where there is more."""
    if given["dry_run"]:
        return {"rows": await services.purge.preview(), "complete": False, "purged": False}
    purged = await services.purge.run(LIMIT_S)
    return {"rows": purged.rows, "complete": purged.complete, "purged": True}


async def _forget(services: Services, given: Arguments, actor: str) -> Any:
    """Forget a tenant, with notes on what stays and why."""
    return await services.forgetter.forget(given["tenant"], actor)


COMMANDS: Mapping[str, Command] = {
    "purge": Command(_purge, writes=True),
    "forget": Command(_forget, writes=True),
}
