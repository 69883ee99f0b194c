"""Opens a connection to a manager and logs in: over TLS if configured, and never by the secret.

The login is always by challenge (`AuthType: MD5`), which every Asterisk has: whoever reads the wire
gets no secret. On a network of others that is too little, since events and orders stay readable
and can be changed; there TLS is for.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from pbxbilling.ami.actions import Answer, LinkError
from pbxbilling.ami.connection import Connection
from pbxbilling.ami.messages.protocol import BANNER
from pbxbilling.ami.rights import Action
from pbxbilling.ami.settings import LinkSettings

# `call` has every event of SIGNALS except FullyBooted, Shutdown and Reload, which are `system`.
# VarSet and Newexten, most of a PBX's events, are `dialplan` and are not requested.
EVENT_CLASSES = "system,call"


class LoginError(Exception):
    """The manager rejected the login: retrying soon would only make fail2ban act."""


class Ask(Protocol):
    """Sends an action over the connection and awaits its answer."""

    def __call__(self, action: Action, fields: Iterable[tuple[str, str]], /) -> Awaitable[Answer]:
        """Return the answer. Raises ActionError."""
        ...


async def connect(settings: LinkSettings, protocol: Callable[[], Connection]) -> Connection:
    """Connect, over TLS if the settings say so. Raises LinkError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(settings.connect_s):
            context = await asyncio.to_thread(_trust, settings) if settings.tls else None
            _, connection = await loop.create_connection(
                protocol,
                settings.host,
                settings.port,
                ssl=context,
                server_hostname=settings.host if context else None,
            )
    except TimeoutError as late:
        msg = f"{settings}: no connection within {settings.connect_s:g} s"
        raise LinkError(msg) from late
    except ssl.SSLError as fault:
        raise LinkError(f"{settings}: {_tls_fault(settings, fault)}") from fault
    except OSError as fault:
        msg = (
            f"{settings}: {fault.strerror or fault}: check that Asterisk runs, with this bindaddr"
            " and port in manager.conf"
        )
        raise LinkError(msg) from fault
    return connection


def _trust(settings: LinkSettings) -> ssl.SSLContext:
    """Return a context that checks certificate and host name; reads files, so call it in a thread.

    Raises LinkError for a `ca_file` that cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as fault:
        msg = f"{settings}: ca_file {settings.ca_file} cannot be used ({fault.strerror or fault})"
        raise LinkError(msg) from fault


def _tls_fault(settings: LinkSettings, fault: ssl.SSLError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not accepted ({fault.verify_message}): set ca_file to the CA that"
            f" signed it, and have it name {settings.host}"
        )
    return (
        f"no TLS at this port ({fault.reason or fault}): set tlsenable and tlsbindaddr in"
        " manager.conf, and port to that port (usually 5039)"
    )


async def greet(connection: Connection, settings: LinkSettings) -> None:
    """Wait for the banner of a manager. Raises LinkError where another program answers."""
    try:
        async with asyncio.timeout(settings.login_s):
            banner = await connection.greeted
    except TimeoutError as late:
        msg = (
            f"{settings}: connected, but no banner within {settings.login_s:g} s: check that this"
            " is an Asterisk manager port, and of one with TLS that tls = true"
        )
        raise LinkError(msg) from late
    if not banner.startswith(BANNER):
        said = f"its banner is {banner[:40]!r}" if banner else "it closes the connection at once"
        msg = (
            f"{settings}: {said}: check that this is an Asterisk manager port with room for a"
            " session"
        )
        raise LinkError(msg)


async def log_in(settings: LinkSettings, ask: Ask) -> None:
    """Log in by the manager's challenge. Raises LoginError, ActionError."""
    offered = await ask("Challenge", (("AuthType", "MD5"),))
    challenge = offered.fields.get("Challenge", "")
    if not (offered.good and challenge):
        raise LoginError(_refused(settings, offered))
    # MD5 is what the manager has; it protects the secret from readers, not the link from writers.
    digest = hashlib.md5(f"{challenge}{settings.secret}".encode(), usedforsecurity=False)
    answer = await ask(
        "Login",
        (
            ("AuthType", "MD5"),
            ("Username", settings.username),
            ("Key", digest.hexdigest()),
            ("Events", EVENT_CLASSES),
        ),
    )
    if not answer.good:
        raise LoginError(_refused(settings, answer))


def _refused(settings: LinkSettings, answer: Answer) -> str:
    return f"{settings}: {answer.message}: check secret and permit of this user in manager.conf"
