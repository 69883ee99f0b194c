"""Does what the README tells a newcomer, word for word, in a fresh machine beside a PBX.

`python -m rig.newcomer plain|freepbx [--checkout]` boots a Debian that has nothing of ours, beside
an Asterisk that nobody has set up; cuts the commands out of the pages, and runs them as they stand,
on a terminal. Then a call of a tenant that may have none is placed, and must be refused. It prints
the minutes of each command; a step that needs a hand counts as one minute.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rig import packages, plain
from rig.bare import LEFT_OUT, LENT, at_their_place, lent_for, settings_of_pip
from rig.booted_site import PORTS, BootedSite
from rig.debian import UnprovisionedError
from rig.generated import FREEPBX_17, click_contexts
from rig.packages import BOOKWORM, TRIXIE, Debian
from rig.pages import SHELL, blocks, commands
from rig.phone import Phone
from rig.settings import Settings
from rig.site import Block, claimed_block, claimed_ports
from rig.terminal import converse
from rig.waiting import patience_s, until

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ("README.md", "Install and set up")
CHECKOUT = ("docs/guides/checkout.md", "Install")
FIRST_CALL = ("docs/start/first-refused-call.md", "Refuse a call")
"""Page and heading of what a newcomer types, in this order: one of the first two, then this."""

TRIED_ELSEWHERE = {
    "make run": "tests/system/test_demo.py",
    "make test": ".ci/run",
}
"""Commands of README.md that are no part of an installation, and what tries them."""

REFUSED = 486
_ANSWERS = {"[y/N]": "y\n"}
_LIMIT_S = 900.0
_NUMBER = "0155501"
_HOME = "/root"
_CLICK = re.compile(r"^Trunks, .*Context (\S+) in place of (\S+)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of PBX, and the Debian that a newcomer has under it."""

    debian: Debian
    settings: Callable[[Block], Settings]


KINDS = {"plain": Kind(TRIXIE, plain.settings), "freepbx": Kind(BOOKWORM, FREEPBX_17.settings)}


@dataclass(slots=True)
class Diary:
    """What a newcomer did, in order, each with its minutes."""

    steps: list[tuple[float, str]] = field(default_factory=list)

    def note(self, minutes: float, what: str) -> None:
        """Add a step, and print it."""
        self.steps.append((minutes, what))
        print(f"{minutes:5.1f} min  {what}", flush=True)

    def by_hand(self, what: str) -> None:
        """Add a step that needs a hand."""
        self.note(1.0, f"by hand: {what}")

    @property
    def minutes(self) -> float:
        """All of them together."""
        return sum(minutes for minutes, _ in self.steps)


class Newcomer:
    """Somebody at the terminal of the machine, who does what the pages say."""

    def __init__(self, site: BootedSite, folder: str, environment: Mapping[str, str]) -> None:
        """`folder`: where the commands are typed."""
        self.site = site
        self.diary = Diary()
        self._folder = folder
        self._environment = environment

    def follows(self, text: str) -> str:
        """Run the commands of a block; return what they printed.

        What `setup` leaves to a person is done, or counted, before the next command. Raises
        RuntimeError with what a command printed where its status is not 0.
        """
        printed = ""
        for command in commands(text):
            said = self._types(command)
            printed += said
            for sentence in left_by_hand(said):
                self._does(sentence)
        return printed

    def _types(self, command: str) -> str:
        began = time.monotonic()
        entering = self.site.machine.entering(
            *("sh", "-c", command), folder=self._folder, environment=self._environment
        )
        status, said = converse(entering, _ANSWERS, patience_s(_LIMIT_S))
        if status:
            journal = self.site.machine.journal()
            raise RuntimeError(f"{command}: status {status}\n{said}\n{journal}")
        self.diary.note((time.monotonic() - began) / 60, command)
        if any(question in said for question in _ANSWERS):
            self.diary.by_hand("read the differences, and answer")
        return said

    def _does(self, sentence: str) -> None:
        """Click where the rig has what FreePBX would write then; count every other one."""
        if found := _CLICK.search(sentence):
            click_contexts(self.site.asterisk, old=found[2], new=found[1])
        self.diary.by_hand(sentence)

    def writes_accounts(self) -> None:
        """Write the accounts file of the page, with the account code of a phone that is there."""
        (text,) = blocks(*FIRST_CALL, "toml")
        here = self.site.machine.root / self._folder.lstrip("/")
        (here / "accounts.toml").write_text(text.replace('codes = ["test"]', 'codes = ["acme"]'))
        self.diary.by_hand("write accounts.toml")

    def is_refused(self) -> None:
        """Place the call. Raises RuntimeError where it is not refused."""
        block = self.site.block
        with Phone(block.phone("acme"), block.pbx) as phone:
            leg = phone.call(_NUMBER)
            until(lambda: leg.state == "ended", "the call is over", 30)
        if leg.status != REFUSED:
            raise RuntimeError(f"the call was not refused: {leg}")
        self.diary.by_hand(f"call {_NUMBER}: status {leg.status}")


def left_by_hand(said: str) -> list[str]:
    """Return what `setup` leaves to a person: the list below "by hand:"."""
    _, _, below = said.partition("\nby hand:\n")
    found = []
    for line in below.splitlines():
        if not line.startswith("- "):
            break
        found.append(line.removeprefix("- "))
    return found


@contextmanager
def beside(kind: Kind, *, checkout: bool) -> Iterator[Newcomer]:
    """Yield a newcomer at a fresh machine, who has the package or the checkout at hand.

    Raises `UnprovisionedError`.
    """
    package = None if checkout else packages.built(kind.debian)
    pip = settings_of_pip() if checkout else {}
    lent = {Path(path): f"{LENT}{path}" for path in lent_for(pip)}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-"))
        block = stack.enter_context(claimed_block())
        stack.enter_context(claimed_ports(*PORTS))
        what = kind.settings(block)
        site = stack.enter_context(
            BootedSite(kind.debian.suite, Path(folder), block, what, binds=lent)
        )
        home = site.machine.root / _HOME.lstrip("/")
        if package is None:
            shutil.copytree(ROOT, home / "pbxbilling", ignore=LEFT_OUT)
            yield Newcomer(site, f"{_HOME}/pbxbilling", at_their_place(pip))
        else:
            shutil.copy(package, home)
            newcomer = Newcomer(site, _HOME, {})
            newcomer.diary.by_hand(f"copy {package.name} to the PBX")
            yield newcomer


def visit(name: str, *, checkout: bool = False) -> Diary:
    """Do all of it beside a PBX of that kind; return what was done.

    Raises `UnprovisionedError`, and RuntimeError where a page promises too much.
    """
    with beside(KINDS[name], checkout=checkout) as newcomer:
        for text in blocks(*(CHECKOUT if checkout else PACKAGE), SHELL):
            newcomer.follows(text)
        newcomer.writes_accounts()
        apply, why = blocks(*FIRST_CALL, SHELL)
        newcomer.follows(apply)
        newcomer.is_refused()
        said = newcomer.follows(why)
        if not all(word in said for word in ("test", _NUMBER, "max_calls")):
            raise RuntimeError(f"it does not say why the call was refused:\n{said}")
        return newcomer.diary


def main() -> int:
    """Do it, and print it. Return 1, and print the reason, where there is no such machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--checkout", action="store_true", help="install without the package")
    given = parser.parse_args()
    try:
        diary = visit(given.kind, checkout=given.checkout)
    except UnprovisionedError as reason:
        print(f"no newcomer: {reason}", file=sys.stderr)
        return 1
    print(f"{diary.minutes:5.1f} min  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
