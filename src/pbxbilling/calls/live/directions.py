"""The direction of a trunk leg, by what its channel did.

Which states Asterisk's technologies create channels in (main branch of 2026; the older ones by
their releases):

| technology | came in | dialled |
|---|---|---|
| PJSIP, SIP, IAX2, OOH323, Mobile, Dongle, Quectel | Ring | Down |
| DAHDI, analog | Prering or Ring | Reserved |
| DAHDI, PRI | Ring; with overlap dialling Reserved, then Ring | Reserved |
| DAHDI, SS7 | Ring | Reserved |
| Motif | Down, then Ring | Down |
| SCCP, MGCP, Skinny, UniSTIM: phones | Down or OffHook, then Ring | Down, Reserved |

So the state alone decides only where it is Ring, Prering or OffHook: those are of a line that
called us. Everything else may still come in, and does where the channel acts so: it fires an
inbound hook, or dials, without having been dialled.
"""

from __future__ import annotations

from pbxbilling.calls.live.channel import ChannelState
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.kernel.codes import LegDirection

CALLING = frozenset({ChannelState.RING, ChannelState.PRERING, ChannelState.OFF_HOOK})
_DIALLED = ("AppDial", "AppQueue", "AppFollowMe")  # what a dialled channel runs
_MUTE = 1 << 16  # from this bit on, flags


def is_dialled_by(application: str) -> bool:
    """Return whether only a channel that was dialled runs this application."""
    return application.startswith(_DIALLED)


def line_state(state: int) -> int:
    """Return the state of the line, without flags such as Mute."""
    return state % _MUTE


def direction_at_birth(seen: ChannelSeen) -> LegDirection:
    """Return the direction of a new trunk channel, as far as its creation shows it.

    A channel that another one requested has that one's linkedid from the beginning.
    """
    requested = seen.linkedid not in ("", seen.key.uniqueid)
    calling = line_state(seen.state) in CALLING
    return LegDirection.INBOUND if calling and not requested else LegDirection.OUTBOUND


def direction_of_listed(row: ChannelSeen) -> LegDirection:
    """Return the direction of a channel that is listed in the middle of its life.

    Two channels that were connected have one linkedid, that of the older. So only a channel which
    has kept its own, and does not run what dialled ones do, came in.
    """
    state = line_state(row.state)
    if state in CALLING:
        return LegDirection.INBOUND
    its_own = state == ChannelState.UP and row.linkedid == row.key.uniqueid
    came_in = its_own and bool(row.application) and not is_dialled_by(row.application)
    return LegDirection.INBOUND if came_in else LegDirection.OUTBOUND
