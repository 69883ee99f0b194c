"""What a PBX, its network or an impostor can do to a manager link; all off at first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """Switches to be turned while the virtual PBX runs; they act on what is sent next."""

    cut_list_after: int | None = None  # a channel list stops after so many rows, for good
    wrong_list_items: int = 0  # added to the ListItems of a channel list
    silent: bool = False  # accepts and reads, answers nothing
    close_in_message: bool = False  # the next event is cut in its middle, and the link with it
    bytewise: bool = False  # one byte a write: every character is split
    banner: bytes = b"Asterisk Call Manager/9.0.0\r\n"
    not_booted: bool = False  # no FullyBooted after a login
