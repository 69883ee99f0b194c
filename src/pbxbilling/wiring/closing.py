"""Closes periods while calls are judged: the worker makes statements, the daemon commits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.statements.close import Closed, reason_of
from pbxbilling.kernel.errors import StaleError
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.background import Rest
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.process import LIMIT_S, WorkerError, WorkerOn
from pbxbilling.worker.statements import JOB, Ready, failed_in, finals_in

GIVEN_UP_AFTER = 3  # workers that die one after the other, each over one tenant


class CloseByWorker:
    """Closes the periods of many tenants by one job; see `Closing`.

    What changed of a tenant while the worker made its statement makes it out of date: it is not
    saved, and made anew at the next look. A tenant whose statement ends the worker is found by
    trying them one by one, and delays no other.
    """

    def __init__(
        self,
        by: WorkerOn,
        writer: AccountWriter,
        in_force: InForce,
        clock: Clock,
        rest: Rest,
    ) -> None:
        self._by = by
        self._writer = writer
        self._in_force = in_force
        self._clock = clock
        self._rest = rest

    async def __call__(self, ready: Mapping[str, Sequence[str]], /) -> Closed:
        """Close them, and say which could not be."""
        closed = Closed({}, {})
        try:
            await self._close(ready, closed)
        except (WorkerError, OSError) as error:
            if len(ready) == 1:
                closed.failed.update(dict.fromkeys(ready, str(error)))
            else:
                await self._close_each(ready, closed)
        return closed

    async def _close_each(self, ready: Mapping[str, Sequence[str]], closed: Closed) -> None:
        in_a_row = 0
        for slug, unread in ready.items():
            try:
                await self._close({slug: unread}, closed)
                in_a_row = 0
            except (WorkerError, OSError) as error:
                closed.failed[slug] = str(error)
                in_a_row += 1
                if in_a_row == GIVEN_UP_AFTER:
                    return

    async def _close(self, ready: Mapping[str, Sequence[str]], closed: Closed) -> None:
        """Close them by one job. Raises WorkerError, OSError."""
        writes, at, folder = self._writer.writes, self._clock.now(), self._by.folder
        with Frames.new(folder) as given, Frames.new(folder) as made:
            Ready(self._by.database, at, self._in_force.policy, ready).put_into(given)
            await self._by.worker.run(JOB, given, made, LIMIT_S)
            closed.failed.update(failed_in(made))
            for final in finals_in(made, at):
                async with self._writer.alone:
                    if self._writer.is_fresh(final.tenant, writes):
                        try:
                            await self._writer.save(final.records, final.becomes, final.facts)
                        except StaleError:
                            pass  # it is out of date as well
                        except Exception as error:  # noqa: BLE001 - delays no other
                            closed.failed[final.tenant] = reason_of(error)
                        else:
                            closed.next_ends[final.tenant] = final.next_ends
                await self._rest()
