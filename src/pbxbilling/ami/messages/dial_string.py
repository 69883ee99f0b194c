"""The number in a dial string, which each technology writes in its own way.

| technology | dial string, after its name |
|---|---|
| PJSIP | `number@endpoint`, `endpoint/sip:number@host`, `endpoint` |
| SIP | `number@peer`, `peer/number` |
| IAX2 | `user:password@peer/number@context/options` |
| DAHDI | `g1/number`, `G2r1/wnumber`, `1-3/number/options` |
| Mobile, Dongle, Quectel | `device/number` |
| OOH323 | `number/peer`, `number@peer` |

A user and password in it are never returned.
"""

from __future__ import annotations

from pbxbilling.kernel.numbers import number_in

_SCHEMES = ("sip:", "sips:", "tel:")
_NUMBER_FIRST = ("OOH323", "H323")
_USER_FIRST = ("IAX2",)  # before an @ without a slash stands who logs in
_WAITS = "wWpP"  # pauses before the digits


def number_dialled(channel: str, dial_string: str) -> str:
    """Return the number that the channel of this name was told to dial; "" for a mere device."""
    technology = channel.partition("/")[0]
    text = dial_string.removeprefix(f"{technology}/")  # app_queue writes it too
    device, slash, rest = text.partition("/")
    if technology in _NUMBER_FIRST:
        part = device if slash or "@" in device else ""
    elif slash:
        part = rest
    else:
        part = device if "@" in device and technology not in _USER_FIRST else ""
    return number_in(_user(part).lstrip(_WAITS))


def _user(part: str) -> str:
    """Return what stands before a host, context, options or parameters."""
    for scheme in _SCHEMES:
        if part.startswith(scheme):
            user, at, _ = part.removeprefix(scheme).partition("@")
            part = user if at or scheme == "tel:" else ""
    user = part.partition("@")[0].partition("/")[0].partition("!")[0].partition(";")[0]
    return "" if ":" in user else user  # a password follows
