"""What a PBX, its network or an impostor can do to a manager link; all off at first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """Switches to change while the virtual PBX runs; they affect what is sent next."""

    cut_list_after: int | None = None  # a channel list stops after so many rows and never ends
    wrong_list_items: int = 0  # added to the ListItems of a channel list
    silent: bool = False  # accepts and reads, answers nothing
    close_in_message: bool = False  # cuts the next event in its middle, and the link with it
    bytewise: bool = False  # one byte a write, which splits every multi-byte character
    banner: bytes = b"Asterisk Call Manager/9.0.0\r\n"
    not_booted: bool = False  # no FullyBooted after a login
