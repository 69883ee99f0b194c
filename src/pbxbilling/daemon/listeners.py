"""Opens the daemon's listeners, before it reports that it is ready."""

from __future__ import annotations

import socket

from pbxbilling.agi.server import ListenError, ListenerSettings
from pbxbilling.config.sections import HttpSettings
from pbxbilling.config.settings import Settings
from pbxbilling.web.admin_socket import AdminSocket, PathTakenError
from pbxbilling.web.server import tcp_listener


def hook_settings(settings: Settings) -> ListenerSettings:
    """Return the settings of the hook's server from `[agi]`."""
    address = settings.agi.address
    return ListenerSettings(
        host=address.host,
        port=address.port,
        allow=settings.agi.allow,
        deadline_s=settings.agi.deadline_ms / 1000,
        token=settings.agi.token.get_secret_value(),
    )


def http_listeners(settings: HttpSettings) -> tuple[socket.socket, AdminSocket]:
    """Open public HTTP and the admin socket. Raises ListenError that names the failing one."""
    address, admin = settings.address, settings.admin
    try:
        http = tcp_listener(address.host, address.port)
    except OSError as error:
        msg = (
            f"http.listen {address}: {error.strerror}: stop the program that listens there, or"
            " choose another address"
        )
        raise ListenError(msg) from error
    try:
        return http, AdminSocket(admin)
    except PathTakenError as taken:
        http.close()
        raise ListenError(f"http.admin {admin}: {taken}") from taken
    except OSError as error:
        http.close()
        msg = f"http.admin {admin}: {error.strerror}: give this user write access to {admin.parent}"
        raise ListenError(msg) from error
