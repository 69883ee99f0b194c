"""The client of the API: of the running daemon, else of the application in this process."""

from __future__ import annotations

import asyncio
import os
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from pbxbilling.kernel.errors import ServiceError

_A_PAGE = 1000  # rows of a list that are asked for at once

if TYPE_CHECKING:
    import httpx

    from pbxbilling.config.settings import Settings

Query = str | int | bool | None


class CommandFailed(ServiceError):  # noqa: N818 - named for what happened; only its message is shown
    """A command failed; the message names thing, place and fix."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API: `path` below `/api/v1`, `body` as JSON."""

    method: str
    path: str
    query: Mapping[str, Query] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    answer_s: float = 30.0  # longest wait for the answer

    @property
    def writes(self) -> bool:
        """Return whether it needs the database's lock while no daemon runs."""
        return self.method != "GET"

    @property
    def creates(self) -> bool:
        """Return whether it creates a missing database."""
        return self.writes and not (self.body or {}).get("dry_run")


def get(config: Path, path: str, **query: Query) -> Any:
    """GET a resource. Raises CommandFailed, ConfigError, StoreError."""
    return send(config, ApiRequest("GET", path, query))


def every(config: Path, path: str, **query: Query) -> list[Any]:
    """GET a list that comes in pages, all of them; raises as `get`."""
    rows: list[Any] = []
    wanted: Mapping[str, Query] | None = {"limit": _A_PAGE, **query}
    while wanted is not None:
        some, wanted = send_page(config, ApiRequest("GET", path, wanted))
        rows += some
    return rows


def send_page(config: Path, request: ApiRequest) -> tuple[list[Any], Mapping[str, Query] | None]:
    """Return a page of a list, and the query of the next one; None: it is the last."""
    import orjson

    answer = _answered(config, request)
    rows = orjson.loads(_checked(answer))
    onwards = answer.links.get("next", {}).get("url")
    return rows, None if onwards is None else dict(parse_qsl(urlsplit(onwards).query))


def post(config: Path, path: str, *, why: str = "", **body: Any) -> Any:
    """POST to a resource and return the result; `why` is for the audit trail; raises as `get`."""
    return send(config, ApiRequest("POST", path, _because(why), body))


def put(config: Path, path: str, *, why: str = "", **body: Any) -> Any:
    """PUT a resource and return it; as `post`."""
    return send(config, ApiRequest("PUT", path, _because(why), body))


def put_file(config: Path, path: str, **body: Any) -> Any:
    """PUT a file of any size, as `put`: the daemon takes minutes for 100,000 tenants."""
    return send(config, ApiRequest("PUT", path, body=body, answer_s=3600.0))


def delete(config: Path, path: str, *, why: str = "") -> Any:
    """DELETE a resource and return what it was; as `post`."""
    return send(config, ApiRequest("DELETE", path, _because(why)))


def _because(why: str) -> Mapping[str, Query]:
    return {"reason": why} if why else {}


def send(config: Path, request: ApiRequest) -> Any:
    """Send a request to the daemon, or serve it in this process; raises as `get`."""
    import orjson

    return orjson.loads(_checked(_answered(config, request)))


def _answered(config: Path, request: ApiRequest) -> httpx.Response:
    from pbxbilling.config.faults import ConfigError
    from pbxbilling.config.load import load

    try:
        settings = load(config, os.environ)
    except ConfigError:
        answer = _from_daemon(_written_admin(config), request)
        if answer is None:
            raise
    else:
        answer = _from_daemon(settings.http.admin, request)
        if answer is None:
            answer = _in_process(settings, request)
    return answer


def quoted(part: str) -> str:
    """Quote a part of a path, since operators can write anything."""
    return quote(part, safe="")


def _checked(answer: httpx.Response) -> bytes:
    """Return the body of a good answer; raise CommandFailed with the message of any other."""
    import httpx
    import orjson

    if answer.status_code == httpx.codes.OK:
        return answer.content
    try:
        said = orjson.loads(answer.content)
        message = said["detail"] if "code" in said else said["message"]  # of an older daemon
    except (ValueError, KeyError, TypeError):
        message = _fault(answer.status_code)
    else:
        if said.get("code") in ("no_route", "wrong_method"):
            message = _fault(answer.status_code)
    raise CommandFailed(message)


def _fault(status: int) -> str:
    """Return the message for an answer that has none."""
    if status in (404, 405):  # for a route that it has, its answer would have a message
        return (
            f"the running daemon does not know this command ({status}): it has another version,"
            " restart it"
        )
    return f"the daemon failed ({status}): see its log"


def _built(request: ApiRequest) -> httpx.Request:
    import httpx
    import orjson

    return httpx.Request(
        request.method,
        f"http://pbxbilling/api/v1{request.path}",
        params={key: value for key, value in request.query.items() if value is not None},
        content=None if request.body is None else orjson.dumps(request.body),
        headers=_headers(request),
    )


def _headers(request: ApiRequest) -> dict[str, str]:
    from pbxbilling.web.actor import SUDO_USER

    kind = {} if request.body is None else {"Content-Type": "application/json"}
    user = os.environ.get("SUDO_USER")
    return {**kind, SUDO_USER: user} if user else kind


def _written_admin(config: Path) -> Path:
    """Return the socket named in a faulty file: a daemon with its last good one may run there."""
    from pbxbilling.config.sections import HttpSettings

    try:
        http = tomllib.loads(config.read_text(encoding="utf-8")).get("http", {})
    except (OSError, ValueError):
        http = {}
    admin = http.get("admin") if isinstance(http, dict) else None
    return Path(admin) if isinstance(admin, str) else HttpSettings().admin


def _from_daemon(admin: Path, request: ApiRequest) -> httpx.Response | None:
    """Return the daemon's answer; None if no daemon runs."""
    import httpx

    if not admin.exists():
        return None
    # Without a context httpx reads all certificates, which takes 50 ms.
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.HTTPTransport(uds=str(admin), verify=no_tls)
    with httpx.Client(transport=transport, timeout=request.answer_s) as client:
        try:
            return client.send(_built(request))
        except httpx.ConnectError:
            return None
        except httpx.HTTPError as error:
            msg = f"the daemon at {admin} did not answer ({error!r}): see its log"
            raise CommandFailed(msg) from error


def _in_process(settings: Settings, request: ApiRequest) -> httpx.Response:
    """Serve a request from the database directly; raise CommandFailed if it needs a daemon."""
    from pbxbilling.daemon.offline import serve_in_process

    built = _built(request)
    _check_needs(settings, request)
    served = serve_in_process(settings, built, creates=request.creates, writes=request.writes)
    return asyncio.run(served)


def _check_needs(settings: Settings, request: ApiRequest) -> None:
    from pbxbilling.kernel.gateway_names import HOW_TO_ENABLE
    from pbxbilling.web.api import needs_of

    needs = needs_of(request.method, request.path)
    if needs.gateway and not settings.stripe.enabled:
        raise CommandFailed(HOW_TO_ENABLE)
    if needs.daemon:
        msg = (
            f"no daemon answers at {settings.http.admin}: `{needs.route}` needs it running;"
            " start it with `systemctl start pbxbilling` (or `pbxbilling serve`)"
        )
        raise CommandFailed(msg)
