"""What a valid configuration exposes or leaves open, in sentences that say what to do.

Nothing here is refused, since each may be meant. What can never be meant is a fault:
`contradictions` here, and the validators of the sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pbxbilling.config.lines import KeyPath
from pbxbilling.config.value_types import is_local
from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.database_url import VERIFIED, DatabaseUrl, PostgresUrl

if TYPE_CHECKING:
    from pbxbilling.config.settings import Settings

_MANY = 2**24  # addresses: more than a site has
_LIVE = ("sk_live_", "rk_live_")


class Contradiction(NamedTuple):
    """Two keys that cannot both be meant: the one to change, and why."""

    key: KeyPath
    message: str


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """Yield what is refused once the secrets are read."""
    stripe = settings.stripe
    key = stripe.secret_key.get_secret_value()
    if stripe.api_base and key.startswith(_LIVE) and not _is_safe(stripe.api_base):
        message = (
            "the key is for real money, and this address has no TLS: use https://, or a test key"
        )
        yield Contradiction(("stripe", "api_base"), message)


def dangers(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each setting that is valid but exposes something or leaves it open."""
    yield from _pbxes(settings)
    yield from _database(settings.database.place)
    yield from _listeners(settings)
    yield from _others(settings)
    if settings.mode is Mode.ENFORCE:
        yield from _enforced(settings)


def _pbxes(settings: Settings) -> Iterator[str]:
    for pbx in settings.pbx:
        if not (pbx.tls or is_local(pbx.host)):
            yield (
                f"[[pbx]] {pbx.name}: AMI with {pbx.host} has no TLS: numbers can be read on the"
                " way, and events and orders changed: set tls = true"
            )


def _database(place: DatabaseUrl) -> Iterator[str]:
    if isinstance(place, PostgresUrl) and place.tls not in VERIFIED:
        far = [host for host, _ in place.hosts if not (host.startswith("/") or is_local(host))]
        if far:
            yield (
                f"[database] url: whoever is on the way to {' and '.join(far)} can read calls and"
                " bills, and answer in its place: set sslmode=verify-full and sslrootcert"
            )


def _listeners(settings: Settings) -> Iterator[str]:
    agi, http = settings.agi, settings.http
    if not http.address.is_loopback:
        yield (
            f'[http] listen = "{http.address}" can be reached from outside: metrics name tenants,'
            " and nothing is encrypted: put a reverse proxy in front, and listen on 127.0.0.1"
        )
    if not (agi.address.is_loopback or agi.token.get_secret_value()):
        yield (
            f'[agi] listen = "{agi.address}" can be reached from outside, and whoever agi.allow'
            " lists can take a tenant's slots: set token_file"
        )
    for network in agi.allow:
        if network.num_addresses > _MANY and not network.is_loopback:
            yield (
                f'[agi] allow: "{network}" lets in {network.num_addresses} addresses: list the'
                " PBXes alone"
            )


def _others(settings: Settings) -> Iterator[str]:
    mqtt, stripe = settings.mqtt, settings.stripe
    if mqtt.enabled and not (mqtt.broker.tls or mqtt.broker.address.is_loopback):
        what = "the password and tenants' names are" if mqtt.username else "tenants' names are"
        yield f"[mqtt] {mqtt.url}: {what} sent in clear text: use mqtts://"
    if stripe.enabled and stripe.api_base and not _is_loopback(stripe.api_base):
        yield (
            f"[stripe] api_base: the key and customers' data go to {stripe.api_base}, not to"
            " Stripe: remove it outside of tests"
        )
    for name in ("success_url", "cancel_url", "portal_return_url"):
        page = getattr(stripe, name)
        if stripe.enabled and page and not _is_safe(page):
            yield f"[stripe] {name}: {page} has no TLS: use https://"
    if settings.log.level == "debug":
        yield '[log] level = "debug" writes callers and numbers in full: use it for a while only'


def _enforced(settings: Settings) -> Iterator[str]:
    """Yield what lets calls past their limits in enforce mode."""
    if settings.agi.on_deadline == "admit":
        yield (
            'mode = "enforce", and [agi] on_deadline = "admit": while the daemon is late, calls'
            ' beyond the limits are admitted: "refuse" refuses them'
        )
    if settings.agi.on_malformed == "admit":
        yield (
            'mode = "enforce", and [agi] on_malformed = "admit": a caller who writes line breaks'
            ' into his number passes the limits: use "refuse"'
        )
    if settings.unknown_tenant == "admit":
        yield (
            'mode = "enforce", and unknown_tenant = "admit": calls of no known tenant have no'
            ' limit, and nobody pays for them: "refuse" refuses them'
        )


def _is_loopback(url: str) -> bool:
    return is_local(urlsplit(url).hostname or "")


def _is_safe(url: str) -> bool:
    """Return whether what is sent there stays on this machine, or is encrypted."""
    return urlsplit(url).scheme == "https" or _is_loopback(url)
