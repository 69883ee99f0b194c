"""PostgreSQL on loopback: a server that can be stopped, killed, frozen, and given standbys.

It runs as a user of its own, since it refuses root, and saves nothing safely (`fsync=off`) unless a
test is about that. Its databases are the daemon's: owned by a role that is no superuser.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pbxbilling.runtime.database_url import PostgresUrl
from rig import provision
from rig.certificate import SelfSigned
from rig.running import Running
from rig.site import free_port
from rig.waiting import patience_s, until

SUPERUSER, USER, READER, PASSWORD = (
    "postgres",
    "pbxbilling",
    "pbxbilling_reader",
    "rig@only/w:rd %#?",
)
ROLES = Path(__file__).parents[1] / "config/postgresql/roles.sql"
_QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_ALWAYS = {
    "autovacuum": "off",
    "jit": "off",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "max_connections": "100",
    "shared_buffers": "16MB",
}


class Postgres(Running):
    """One server with its folder; a context manager that ends it."""

    def __init__(
        self,
        directory: Path,
        *,
        safe: bool = False,
        settings: Mapping[str, str] | None = None,
        of: "Postgres | None" = None,
        tls: SelfSigned | None = None,
    ) -> None:
        """`safe`: it loses nothing in a crash. `of`: it is a standby of that running server."""
        self.directory = directory
        self.port = free_port()
        self.data = directory / "data"
        self._settings = _ALWAYS | ({} if safe else _QUICK) | dict(settings or {})
        self._bin = provision.postgres()
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        _hand_over(directory)
        self._has_roles = of is not None
        if of is None:
            self._make()
        else:
            self._copy(of)
        if tls is not None:
            self._settings |= self._with_tls(tls)

    def _make(self) -> None:
        password = self.directory / "password"
        password.write_text(PASSWORD)
        _hand_over(password)
        self.run(
            *("initdb", "--no-sync", "--no-instructions", f"--pgdata={self.data}"),
            *("--username", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8"),
        )
        hosts = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        hosts += "host replication all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(hosts)

    def _copy(self, other: "Postgres") -> None:
        self.run(
            *("pg_basebackup", "--no-sync", "--checkpoint=fast", "--write-recovery-conf"),
            *("--wal-method=stream", f"--pgdata={self.data}"),
            *("-h", "127.0.0.1", "-p", str(other.port), "-U", SUPERUSER),
        )

    def _with_tls(self, tls: SelfSigned) -> dict[str, str]:
        """Give it copies of a certificate and its key, which must be its own."""
        for name, file in (("server.crt", tls.certificate), ("server.key", tls.key)):
            copy = self.data / name
            shutil.copy(file, copy)
            copy.chmod(0o600)
            _hand_over(copy)
        return {"ssl": "on"}

    def owned(self, folder: Path) -> Path:
        """Make a folder that belongs to the server."""
        folder.mkdir()
        _hand_over(folder)
        return folder

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD) -> PostgresUrl:
        """Return the url of one of its databases."""
        return PostgresUrl(database, user, password, (("127.0.0.1", self.port),))

    def start(self) -> Self:
        """Start it, and return when it answers."""
        arguments = [f"-c{key}={value}" for key, value in self._settings.items()]
        log = (self.directory / "postgres.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *_as_its_user(),
                    *("setpriv", "--pdeathsig", "KILL", str(self._bin / "postgres")),
                    *("-D", str(self.data), "-p", str(self.port), "-k", str(self.directory)),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
            )
        until(self._answers, "PostgreSQL answers", 20.0)
        if not self._has_roles:
            self.make_roles("postgres")
            alter = "ALTER ROLE {} PASSWORD '{}'"
            self.execute("postgres", *(alter.format(role, PASSWORD) for role in (USER, READER)))
            self._has_roles = True
        return self

    def create(self, database: str, how: str = "TEMPLATE template0") -> None:
        """Create a database of the daemon's."""
        self.execute("postgres", f"CREATE DATABASE {database} OWNER {USER} {how}")

    def make_roles(self, database: str) -> None:
        """Run the shipped script for roles and grants."""
        self.run(*self._psql(database), given=ROLES.read_text())

    def stop(self) -> None:
        """Shut it down in order; its clients are sent away."""
        self._end(signal.SIGINT)

    def stop_at_once(self) -> None:
        """Let it crash, as `pg_ctl stop -m immediate` does."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stop it and its children from doing anything; the kernel still answers for them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make a standby the primary."""
        self.run("pg_ctl", "promote", f"--pgdata={self.data}", "--wait")

    def execute(self, database: str, *statements: str) -> str:
        """Run statements with psql as the superuser; return what it prints, rows in lines."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return self.run(*self._psql(database), *commands)

    def _psql(self, database: str) -> tuple[str, ...]:
        return (
            *("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", str(self.directory), "-p", str(self.port), "-U", SUPERUSER, "-d", database),
        )

    def run(self, program: str, *arguments: str, given: str | None = None) -> str:
        """Run one of PostgreSQL's programs to its end; return what it prints."""
        done = subprocess.run(
            [*_as_its_user(), str(self._bin / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            cwd="/",
            input=given,
            timeout=patience_s(60),
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "postgres.log").read_text()
        try:
            self.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
        except RuntimeError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Send it to the server, which then has no more children, and to each of those.

        They are sessions of their own: no signal to a group finds them.
        """
        assert self._process is not None
        server = self._process.pid
        os.kill(server, number)
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait(patience_s(20))
            self._process = None


def _as_its_user() -> list[str]:
    """Return what comes before a program: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = _user()
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        user = _user()
        shutil.chown(path, user.pw_uid, user.pw_gid)


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD, "HOME": "/"}
