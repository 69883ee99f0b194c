"""The context of a hook: its channel, its tenant, and the live call that it asks from."""

from __future__ import annotations

from datetime import datetime

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.kernel.codes import Direction, Mode
from pbxbilling.kernel.ports import Clock


class HookContext:
    """A hook with all that is known about it.

    `channel` is None where it was hung up before its hook was read: it reserves nothing. `call` is
    the live call of the same tenant that it asks from; `inside`: that call holds its slot already.
    """

    def __init__(
        self,
        request: HookRequest,
        direction: Direction,
        pbx: str,
        channel: Channel | None,
        call: Call | None,
        tenant: str | None,
        terms: Terms | None,
        mode: Mode,
        inside: bool,
        at: datetime,
        mono: float,
    ) -> None:
        self.request = request
        self.direction = direction
        self.pbx = pbx
        self.channel = channel
        self.call = call
        self.tenant = tenant
        self.terms = terms
        self.mode = mode
        self.inside = inside
        self.at = at
        self.mono = mono


class ContextFinder:
    """Finds what the ledger and the accounts know about a hook; creates its channel if new."""

    def __init__(self, ledger: Ledger, in_force: InForce, clock: Clock) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._clock = clock

    def find(self, request: HookRequest, direction: Direction, pbx: str) -> HookContext:
        """Return the context of a hook from a known PBX."""
        at, mono = self._clock.now(), self._clock.monotonic()
        key = ChannelKey(pbx, request.uniqueid)
        channel = self._ledger.channel(key, request.channel, at=at, mono=mono)
        around = self._around(channel, request, pbx)
        if channel is not None:
            self._update_channel(channel, request, around, at)
        tenant = self._payer(request, direction, channel, around, pbx)
        call = self._call_of(channel, around, tenant, request, pbx)
        terms, mode = self._in_force.registry.terms(tenant), self._in_force.mode_of(tenant)
        inside = call is not None and _was_judged(call, direction)
        return HookContext(
            request, direction, pbx, channel, call, tenant, terms, mode, inside, at, mono
        )

    def _around(self, channel: Channel | None, request: HookRequest, pbx: str) -> Call | None:
        """Return the call that the hook fires in, of any tenant or none."""
        if channel is not None and (channel.dials_for or channel.call):
            return channel.dials_for or channel.call
        return self._ledger.under_linkedid(pbx, request.linkedid, None)

    def _update_channel(
        self, channel: Channel, request: HookRequest, around: Call | None, at: datetime
    ) -> None:
        """Copy what the hook knows into the channel; values already set stay."""
        channel.linkedid = channel.linkedid or request.linkedid
        channel.caller = channel.caller or request.caller
        channel.accountcode = channel.accountcode or request.accountcode
        channel.context = channel.context or request.context
        if around is not None and channel.call is None and request.linkedid != request.uniqueid:
            self._ledger.join(channel, around, at)  # its DialBegin is still on its way

    def payer(self, request: HookRequest, pbx: str | None) -> str | None:
        """Return the tenant that pays for a hook that is not judged; changes nothing.

        `pbx` is None where it is unknown: then only the request is evidence.
        """
        if pbx is None:
            return self._payer(request, request.direction, None, None, None)
        channel = self._ledger.channels.get(ChannelKey(pbx, request.uniqueid))
        around = self._around(channel, request, pbx)
        return self._payer(request, request.direction, channel, around, pbx)

    def _payer(
        self,
        request: HookRequest,
        direction: Direction | None,
        channel: Channel | None,
        around: Call | None,
        pbx: str | None,
    ) -> str | None:
        """Return the tenant that pays, by the order of docs/reference/calls.md.

        Evidence of the channel itself outranks the call around it, so a forwarder pays, not the
        caller.
        """
        registry = self._in_force.registry
        tenant = registry.named(request.tenant)
        if tenant is None and direction is Direction.INBOUND:
            tenant = registry.owner(did=request.did)
        if tenant is None:
            tenant = self._own(request, channel, around)
        if tenant is None and around is not None:
            tenant = around.tenant or self._another_channels(around)
        if tenant is None and pbx is not None:
            tenant = self._in_force.tenant_of_pbx(pbx)
        return tenant

    def _own(
        self, request: HookRequest, channel: Channel | None, around: Call | None
    ) -> str | None:
        """Return the tenant that the channel's own account code or context names.

        Values of channels that asked for the call around are not its own: Dial passes on the
        caller's account code, over the one that the channel was created with (which is latched).
        """
        registry = self._in_force.registry
        code, born, context = request.accountcode, "", request.context
        if channel is not None and channel.accountcode != code:
            born = channel.accountcode
        if around is not None:
            if _came_with(around, code, ""):
                code = ""
            if _came_with(around, born, ""):
                born = ""
            if _came_with(around, "", context):
                context = ""
        return registry.owner(code) or registry.owner(born) or registry.owner(context=context)

    def _another_channels(self, around: Call) -> str | None:
        """Return the tenant of another channel of the call, such as a click-to-call's phone."""
        for channel in (*around.channels, *around.askers):
            tenant = self._in_force.registry.owner(channel.accountcode)
            if tenant is not None:
                return tenant
        return None

    def _call_of(
        self,
        channel: Channel | None,
        around: Call | None,
        tenant: str | None,
        request: HookRequest,
        pbx: str,
    ) -> Call | None:
        """Return the live call that the tenant asks from; one without a tenant may be claimed."""
        if around is not None and (around.tenant is None or around.tenant == tenant):
            return around
        if channel is not None:
            for call in (channel.call, *channel.asked):
                if call is not None and (call.tenant is None or call.tenant == tenant):
                    return call
        if around is None or tenant is None:  # no call around: the linkedid has none of the tenant
            return None
        return self._ledger.under_linkedid(pbx, request.linkedid, tenant)


def _was_judged(call: Call, direction: Direction) -> bool:
    """Return whether the call holds its slot already and so needs no second one.

    An internal call that now goes outside is judged anew, in its new direction.
    """
    if not call.judged:
        return False  # unhooked or an emergency, which exempts only its own hook and leg
    return call.direction is not Direction.INTERNAL or direction is Direction.INTERNAL


def _came_with(call: Call, accountcode: str, context: str) -> bool:
    """Return whether a channel that asked for the call had this account code or this context."""
    if accountcode and accountcode in call.asked_codes:
        return True
    if context and context in call.asked_contexts:
        return True
    for asker in call.askers:  # after a restart only their keys may have been known at first
        if accountcode and asker.accountcode == accountcode:
            return True
        if context and asker.context == context:
            return True
    return False
