"""Wires each subject from its dependencies, in the same way with and without a daemon."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from pbxbilling.accounts.administer import Administration
from pbxbilling.accounts.ports import Blocks
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.rated_calls import RatedCalls
from pbxbilling.billing.report_units import UnitReports
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.statements.lookup import StatementLookup
from pbxbilling.billing.statements.one_offs import OneOffs
from pbxbilling.billing.statements.plan_change import PlanChanges
from pbxbilling.billing.take_figures import Figures
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.calls.ports import Live
from pbxbilling.calls.usage import CallUsage
from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.kept_answers import KeptAnswers
from pbxbilling.identity.people.log_in import LogIn
from pbxbilling.identity.people.manage_roles import Roles
from pbxbilling.identity.people.manage_users import Users
from pbxbilling.identity.people.own_account import OwnAccount
from pbxbilling.identity.people.step_up import StepUps
from pbxbilling.identity.ports import PasswordHasher
from pbxbilling.identity.tokens.expiry import TokenExpiry
from pbxbilling.identity.tokens.manage_tokens import Tokens
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.compare import Comparison
from pbxbilling.payments.overview import Overview
from pbxbilling.privacy.forget import Forgetter
from pbxbilling.privacy.purge import Purge
from pbxbilling.privacy.retention import Retention
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.web.api.account_files import InProcess
from pbxbilling.web.api.services import (
    BillingServices,
    IdentityServices,
    PaymentServices,
    Services,
)
from pbxbilling.wiring.account_files import FilesByWorker
from pbxbilling.wiring.closing import CloseByWorker
from pbxbilling.wiring.passwords import PasswordsByWorker, PasswordsHere
from pbxbilling.wiring.stores import Stores
from pbxbilling.worker.process import WorkerOn

PURGE_REST_S = 0.02  # three times as long as a batch: the writer stays free most of the time


@dataclass(frozen=True, slots=True)
class Ground:
    """The dependencies that every subject is wired from; `emit` receives all their facts."""

    stores: Stores
    in_force: InForce
    accounts: AccountWriter
    clock: Clock
    emit: EventSink

    @classmethod
    def of(cls, stores: Stores, in_force: InForce, clock: Clock, emit: EventSink) -> Self:
        """Build the ground, with the single writer of accounts."""
        lock = asyncio.Lock()
        accounts = AccountWriter(
            stores.accounts, in_force.registry, clock, emit, lock, _turn_for_others
        )
        return cls(stores, in_force, accounts, clock, emit)


def wire_services(
    ground: Ground,
    retention: Retention,
    live: Live | None = None,
    payments: PaymentServices | None = None,
    by_worker: WorkerOn | None = None,
) -> Services:
    """Wire all services that commands use; `live` is None where no daemon runs."""
    calls = wire_calls(ground, live)
    purge, forgetter = wire_privacy(ground, retention, live)
    administration = wire_accounts(ground, calls.reports)
    hasher = PasswordsByWorker(by_worker.worker) if by_worker else PasswordsHere()
    return Services(
        administration=administration,
        calls=calls,
        daily=wire_subscriptions(ground),
        billing=wire_billing(ground, calls.usage),
        purge=purge,
        figures=wire_figures(ground),
        forgetter=forgetter,
        comparison=wire_payments(ground),
        identity=wire_identity(ground, hasher),
        payments=payments,
        files=wire_files(ground, InProcess(administration), by_worker) if by_worker else None,
    )


def wire_accounts(ground: Ground, blocks: Blocks) -> Administration:
    """Wire the administration of plans and tenants; `blocks` knows what blocks a tenant."""
    return Administration(
        ground.stores.accounts,
        ground.accounts,
        ground.clock,
        ground.in_force,
        blocks,
        asyncio.to_thread,
    )


def wire_files(ground: Ground, in_process: InProcess, by: WorkerOn) -> FilesByWorker:
    """Wire what applies files of accounts."""
    return FilesByWorker(
        by, in_process, ground.accounts, ground.in_force, ground.clock, _turn_for_others
    )


def wire_closing(ground: Ground, by: WorkerOn) -> CloseByWorker:
    """Wire what closes periods."""
    return CloseByWorker(by, ground.accounts, ground.in_force, ground.clock, _turn_for_others)


def wire_subscriptions(ground: Ground) -> DailyCheck:
    """Wire the daily check, which ends trials and grace windows; it needs no gateway."""
    stores = ground.stores
    return DailyCheck(
        ground.accounts,
        stores.subscription_store,
        stores.cursors,
        ground.clock,
        ground.in_force,
    )


def wire_calls(ground: Ground, live: Live | None) -> CallAdministration:
    """Wire calls and usage; where no daemon runs, only what the store has."""
    stores = ground.stores
    return CallAdministration(
        stores.accounts,
        stores.calls,
        ground.accounts,
        ground.clock,
        ground.in_force,
        live,
        _turn_for_others,
    )


def wire_billing(ground: Ground, usage: CallUsage) -> BillingServices:
    """Wire statements: issue and look them up, and change what goes on the next one."""
    stores = ground.stores
    statements = Statements(
        stores.statement_store,
        stores.subscription_store,
        stores.cursors,
        ground.accounts,
        ground.in_force,
        ground.clock,
        asyncio.to_thread,
    )
    return BillingServices(
        statements,
        StatementLookup(statements, stores.calls, stores.statement_store),
        RatedCalls(statements, stores.calls, stores.statement_store, asyncio.to_thread),
        Overview(stores.subscription_store, statements, usage),
        OneOffs(statements, stores.statement_store, ground.accounts, ground.clock),
        PlanChanges(statements, stores.statement_store, ground.accounts, ground.clock),
        UnitReports(stores.statement_store, ground.in_force.registry, ground.clock),
    )


def wire_figures(ground: Ground) -> Figures:
    """Wire the business figures."""
    return Figures(
        ground.stores.subscription_store,
        ground.stores.statement_store,
        ground.in_force,
        ground.clock,
        asyncio.to_thread,
    )


def wire_payments(ground: Ground) -> Comparison:
    """Wire the comparison of charged with sent usage; it does not query the gateway."""
    stores = ground.stores
    return Comparison(ground.in_force.registry, stores.statement_store, stores.minutes)


def wire_identity(ground: Ground, hasher: PasswordHasher) -> IdentityServices:
    """Wire users and tokens."""
    store, records = ground.stores.identity_store, ground.stores.identities
    clock, emit, registry = ground.clock, ground.emit, ground.in_force.registry
    users, codes = Users(store, records, registry, hasher, clock, emit), PyOtp()
    log_in = LogIn(store, hasher, codes, clock, emit)
    return IdentityServices(
        Tokens(store, records, registry, clock, emit),
        users,
        Roles(store, records, clock),
        KeptAnswers(store, clock),
        OwnAccount(store, users, log_in, StepUps(clock), codes, clock),
    )


def wire_expiry(ground: Ground) -> TokenExpiry:
    """Wire the daily look for tokens that expire soon."""
    stores = ground.stores
    return TokenExpiry(stores.identity_store, stores.cursors, ground.clock, ground.emit)


def wire_privacy(
    ground: Ground, retention: Retention, live: Live | None
) -> tuple[Purge, Forgetter]:
    """Wire the purge, which rests so that records of calls go first, and the forgetter using it."""
    stores = ground.stores
    purge = Purge(
        stores.retention_store,
        stores.cursors,
        ground.clock,
        ground.emit,
        retention,
        _rest_between_batches,
        asyncio.Lock(),
    )
    forgetter = Forgetter(
        stores.retention_store,
        stores.calls,
        stores.subscription_store,
        stores.cursors,
        ground.accounts,
        purge,
        live.view if live is not None else None,
    )
    return purge, forgetter


async def _turn_for_others() -> None:
    await asyncio.sleep(0)


async def _rest_between_batches() -> None:
    await asyncio.sleep(PURGE_REST_S)
