"""One running Asterisk with its own directory and addresses, which leaves nothing behind.

It runs from a shared chroot in a private mount namespace, so its mounts end with it, however it
ends. `pid` is Asterisk itself: kill -9 hits it and nothing else.
"""

import contextlib
import re
import subprocess
from pathlib import Path
from typing import Self

from rig import console, provision, settings
from rig.running import Running
from rig.settings import Settings
from rig.site import AMI_PORT, SIP_PORT, Block
from rig.waiting import patience_s, until

_ISOLATED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private")
_START = """
ulimit -c 0
ulimit -n "$(ulimit -Hn)"
mount --bind "$1" "$2/rig"
mount --bind "$1/hosts" "$2/etc/hosts"
mount -t proc proc "$2/proc"
root=$2; shift 2
exec chroot "$root" env "$@" asterisk -f -C /rig/etc/asterisk.conf
"""


class Asterisk(Running):
    """An Asterisk of one release under `directory`; a context manager that starts and stops it.

    Start it from a thread that lives as long as Asterisk must: Linux ends it with that thread.
    """

    def __init__(
        self,
        release: provision.Release,
        directory: Path,
        block: Block,
        what: Settings = Settings(),  # noqa: B008 - immutable
    ) -> None:
        self.release = release
        self.directory = directory.resolve()
        self.block = block
        self.settings = what
        self._process: subprocess.Popen[bytes] | None = None
        self._touched: dict[str, str] = {}

    @property
    def sip(self) -> tuple[str, int]:
        """The address at which it takes SIP over UDP."""
        return self.block.pbx, SIP_PORT

    @property
    def ami(self) -> tuple[str, int]:
        """The AMI address; users are pbxbilling and rig, the secret is `rig.site.AMI_SECRET`."""
        return self.block.pbx, AMI_PORT

    @property
    def journal(self) -> Path:
        """The CEL journal, one CSV line per event."""
        return self.directory / "log/cel-custom/pbxbilling.csv"

    @property
    def log(self) -> Path:
        """Asterisk's log."""
        return self.directory / "log/full"

    @property
    def pid(self) -> int:
        """Process id of the running Asterisk."""
        return self._running().pid

    def start(self) -> Self:
        """Start Asterisk, and return when it is fully booted: about a second.

        Raises `UnprovisionedError` where no Asterisk is available, RuntimeError where it fails to
        start.
        """
        chroot = provision.chroot(self.release)
        settings.write(self.directory, chroot, self.block, self.settings)
        with (self.directory / "log/console").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(*_ISOLATED, "sh", "-ec", _START, "sh", str(self.directory), str(chroot)),
                    *(f"{name}={value}" for name, value in self.settings.environment.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,  # keeps Ctrl-C away: it is meant for the parent
            )
        try:
            until(self._booted, f"Asterisk {self.release.major} boots", 30)
        except BaseException:
            self.kill()
            raise
        return self

    def _booted(self) -> bool:
        if self._running().poll() is not None:
            said = (self.directory / "log/console").read_text(errors="replace")
            raise RuntimeError(f"Asterisk ended while starting:\n{said[-2000:]}")
        with contextlib.suppress(OSError):
            return "fully booted" in self.rx("core waitfullybooted")
        return False

    def stop(self) -> None:
        """Stop as `core stop now` does: calls are hung up, the journal gets its last lines."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self.rx("core stop now")
        try:
            self._process.wait(patience_s(10))
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    def kill(self) -> None:
        """Kill with -9: nothing is hung up, nothing is written."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def restart(self) -> None:
        """Stop and start; journal and logs continue in the same files."""
        self.stop()
        self.start()

    def rx(self, command: str) -> str:
        """Return what `asterisk -rx` prints for `command`."""
        return console.run(self.directory / "run/asterisk.ctl", command)

    def set_global(self, name: str, value: str) -> None:
        """Set a dialplan global of the running Asterisk until `restore`; it may not be empty."""
        self._touched[name] = value
        self.rx(f'dialplan set global {name} "{value}"')

    def add_dialplan(self, site: str) -> None:
        """Load more dialplan until `restore`, in the form of `Settings.site`."""
        self._load_dialplan(site)
        for name, value in self._touched.items():
            self.set_global(name, value)

    def restore(self) -> None:
        """Restore the dialplan and globals of the start."""
        self._touched.clear()
        self._load_dialplan(self.settings.site)

    def _load_dialplan(self, site: str) -> None:
        """Reload the dialplan, which also forgets globals (`clearglobalvars`)."""
        (self.directory / "etc/site.conf").write_text(site)
        self.rx("dialplan reload")

    def channel_count(self) -> int:
        """Return the number of channels that exist now, including Local ones."""
        found = re.search(r"(\d+) active channel", self.rx("core show channels count"))
        if found is None:
            raise RuntimeError("the console did not say how many channels there are")
        return int(found[1])

    def hang_up_all(self) -> None:
        """Hang up every channel, and return when the last is gone."""
        if self.channel_count():
            self.rx("channel request hangup all")
        self.wait_idle()

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Return when no channel is left. Raises TimeoutError that lists those that stay."""
        try:
            until(lambda: self.channel_count() == 0, "no channel is left", timeout_s)
        except TimeoutError as late:
            late.add_note(self.rx("core show channels concise"))
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("Asterisk is not running")
        return self._process

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
        self._process = None
