"""Defines the sections of `pbxbilling.toml`: every key with its type and default.

`docs/reference/configuration.md` describes the same keys for operators, and a test
keeps the two in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pbxbilling.calls.live.channel import Trunks
from pbxbilling.config.lines import KeyPath
from pbxbilling.config.secret import STRIPE_FILES
from pbxbilling.config.value_types import (
    DIALLED,
    NAME,
    SLUG,
    Address,
    BrokerAddress,
    check_api_base,
    check_hook_token,
    check_page,
    check_plain,
    check_public_url,
    check_token,
    check_zone,
    parse_broker,
    parse_listen,
    parse_network,
)
from pbxbilling.kernel.bounds import COUNT_MOST, DAYS_MOST, SECONDS_MOST
from pbxbilling.kernel.codes import Direction, Reason
from pbxbilling.privacy.retention import LEAST_DAYS, Retention
from pbxbilling.runtime.database_url import (
    DatabaseUrl,
    PostgresUrl,
    SqliteUrl,
    parse_database_url,
)
from pbxbilling.subscriptions.order import SalePages

_LEAST_DIGITS = 3  # of an emergency number
Cause = Annotated[int, Field(ge=1, le=127)]
Days = Annotated[int, Field(ge=0, le=DAYS_MOST)]
Seconds = Annotated[float, Field(gt=0, le=SECONDS_MOST, allow_inf_nan=False)]
Listen = Annotated[str, AfterValidator(lambda text: str(parse_listen(text)))]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(parse_network)]
Page = Annotated[str, AfterValidator(check_page)]
NonEmpty = Annotated[str, Field(min_length=1)]
Plain = Annotated[str, AfterValidator(check_plain)]
Token = Annotated[SecretStr, AfterValidator(check_token)]
HookToken = Annotated[SecretStr, AfterValidator(check_hook_token)]
Dialled = Annotated[str, Field(pattern=DIALLED)]


_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

OLD_HOOK = Address("127.0.0.1", 4573)
"""Default address of version 0.1; FreePBX and Wazo use the same port."""


class Section(BaseModel):
    """Base of all sections: unknown keys are faults, types are strict, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatabaseSettings(Section):
    """`[database]`: where records are stored."""

    url: Annotated[
        str, AfterValidator(lambda url: parse_database_url(url) and url), Field(repr=False)
    ] = "sqlite:////var/lib/pbxbilling/pbxbilling.db"
    password: SecretStr = SecretStr("")
    password_file: NonEmpty | None = None

    @property
    def place(self) -> DatabaseUrl:
        """The database, with the password."""
        place, password = parse_database_url(self.url), self.password.get_secret_value()
        if password and isinstance(place, PostgresUrl):
            return place.with_password(password)
        return place

    @property
    def folder(self) -> Path:
        """A folder of this machine with room for large files, for a while."""
        place = parse_database_url(self.url)
        return place.path.parent if isinstance(place, SqliteUrl) else Path(gettempdir())

    @model_validator(mode="after")
    def _have_one_password(self) -> DatabaseSettings:
        place = parse_database_url(self.url)
        inline = self.password.get_secret_value()
        given = bool(inline) + bool(self.password_file)
        if isinstance(place, SqliteUrl):
            if given:
                raise ValueError("an SQLite file has no password")
        elif given + bool(place.password) > 1:
            msg = 'expected one of password_file = "FILE", password = "…", and a password in url'
            raise ValueError(msg)
        return self


class AgiSettings(Section):
    """`[agi]`: the hook's listener, its allowed clients, and the deadline of a verdict."""

    listen: Listen = "127.0.0.1:4590"
    allow: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    deadline_ms: Annotated[int, Field(ge=10, le=10_000)] = 300
    on_deadline: Literal["admit", "refuse"] = "admit"
    on_malformed: Literal["admit", "refuse"] = "refuse"
    token: HookToken = SecretStr("")
    token_file: NonEmpty | None = None

    @property
    def address(self) -> Address:
        """Host and port to listen on."""
        return parse_listen(self.listen)

    @property
    def takes_old_hooks(self) -> bool:
        """Whether to listen on `OLD_HOOK` too: hooks of a site that set no address go there."""
        return "listen" not in self.model_fields_set

    @model_validator(mode="after")
    def _require_who_may_ask(self) -> AgiSettings:
        if not self.address.is_loopback and "allow" not in self.model_fields_set:
            msg = (
                f"listen = {self.listen!r} can be reached from outside: list the PBXes that may"
                ' connect, as allow = ["192.0.2.10/32"]'
            )
            raise ValueError(msg)
        if not self._lets_in_its_family():
            msg = (
                f"listen = {self.listen!r}, but allow has no network of its family, so nobody could"
                ' ask: add "127.0.0.0/8" or "::1/128"'
            )
            raise ValueError(msg)
        return self

    def _lets_in_its_family(self) -> bool:
        """Return whether a peer of a loopback address can be let in; any other may have peers."""
        try:
            own = ip_address(self.address.host)
        except ValueError:
            return True
        return not own.is_loopback or own.version in {network.version for network in self.allow}

    @model_validator(mode="after")
    def _have_one_token(self) -> AgiSettings:
        if self.token.get_secret_value() and self.token_file:
            msg = 'expected either token_file = "FILE" or token = "…"'
            raise ValueError(msg)
        return self


class AmiSettings(Section):
    """`[ami]`: settings of the links to all PBXes."""

    stale_s: Seconds = 30


class HttpSettings(Section):
    """`[http]`: the listener for metrics and health, and the admin socket for commands."""

    listen: Listen = "127.0.0.1:8080"
    admin: Path = Path("/run/pbxbilling/admin.sock")

    @property
    def address(self) -> Address:
        """Host and port to listen on."""
        return parse_listen(self.listen)


class PbxSettings(Section):
    """One `[[pbx]]`. After loading, `secret` holds the content of `secret_file`."""

    name: Annotated[str, Field(pattern=NAME)]
    host: Plain
    port: Annotated[int, Field(ge=1, le=65_535)] = 5038
    username: Plain
    secret: SecretStr = SecretStr("")
    secret_file: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    trunks: tuple[NonEmpty, ...] = ()
    trunk_channels: dict[NonEmpty, Annotated[int, Field(ge=1, le=COUNT_MOST)]] = {}
    cel_csv: Path | None = None
    cel_timezone: Annotated[str, AfterValidator(check_zone)] | None = None
    tenant: Annotated[str, Field(pattern=SLUG)] | None = None

    @field_validator("trunk_channels")
    @classmethod
    def _belong_to_trunks(cls, channels: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        """Require that each key has legs to count: no leg of another endpoint is a trunk leg."""
        if "trunks" not in info.data:
            return channels  # they have a fault of their own
        trunks: tuple[str, ...] = info.data["trunks"]
        for key in channels:
            if not Trunks(trunks).matches(key) and not any(map(Trunks((key,)).matches, trunks)):
                listed = ", ".join(f'"{trunk}"' for trunk in trunks) or "none"
                msg = (
                    f'"{key}" is no trunk of this PBX: expected an entry of trunks ({listed}), or'
                    " an endpoint that one of them matches; or add it to trunks"
                )
                raise ValueError(msg)
        return channels

    @property
    def cel_zone(self) -> ZoneInfo | None:
        """The zone of local times in the journal; None: this machine's."""
        return ZoneInfo(self.cel_timezone) if self.cel_timezone else None

    @model_validator(mode="after")
    def _have_one_secret(self) -> PbxSettings:
        if bool(self.secret.get_secret_value()) == bool(self.secret_file):
            msg = 'expected either secret_file = "FILE" or secret = "…"'
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _trust_somebody_only_with_tls(self) -> PbxSettings:
        if self.ca_file is not None and not self.tls:
            msg = "ca_file is for TLS: expected tls = true"
            raise ValueError(msg)
        return self


class RefusalSettings(Section):
    """`[refusal]`: the Q.850 hangup cause of a refusal, and others for single reasons.

    The keys are the values of `Reason` that a refusal can carry.
    """

    cause: Cause = 17
    max_calls: Cause | None = None
    max_outbound_calls: Cause | None = None
    max_inbound_calls: Cause | None = None
    max_trunk_legs: Cause | None = None
    max_calls_per_second: Cause | None = None
    allowance: Cause | None = None
    suspended: Cause | None = None
    trial_over: Cause | None = None
    cancelled: Cause | None = None
    read_only: Cause | None = None
    incomplete: Cause | None = None
    unknown_tenant: Cause | None = None
    deadline: Cause | None = None
    number_unusable: Cause | None = None
    malformed: Cause | None = None

    def by_reason(self) -> dict[Reason, int]:
        """Return the causes that are set for single reasons."""
        named = self.model_dump(exclude_none=True, exclude={"cause"})
        return {Reason(reason): cause for reason, cause in named.items()}


class EmergencySettings(Section):
    """`[emergency]`: numbers that are always admitted, and the prefixes a site dials before them.

    They apply to hooks of these `directions` only: an extension can have such a number. Their legs
    cost nothing and use no minutes unless they are `charged`.
    """

    numbers: tuple[Dialled, ...] = ("112", "911", "999")
    prefixes: tuple[Dialled, ...] = ()
    directions: tuple[Direction, ...] = (Direction.OUTBOUND,)
    charged: bool = False

    def short(self) -> tuple[str, ...]:
        """Return numbers so short that they are dialled for other purposes, as "0" is."""
        return tuple(n for n in self.numbers if sum(map(str.isdigit, n)) < _LEAST_DIGITS)


class NumbersSettings(Section):
    """`[numbers]`: how to treat a number that no carrier dials when its price is needed."""

    unusable: Literal["refuse", "dearest"] = "refuse"


class BillingSettings(Section):
    """`[billing]`: defaults for accounts, and the hour of the daily check."""

    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    trial_days: Days = 14
    grace_days: Days = 7
    default_plan: NonEmpty = "free"
    daily_check: time = time(1, 0)


class DecisionsSettings(Section):
    """`[decisions]`: whether admissions are recorded; refusals always are."""

    admissions: bool = False


class RetentionSettings(Section):
    """`[retention]`: how many days each kind of record is kept; 0 means for ever."""

    calls_days: Days = 400
    decisions_days: Days = 180
    numbers_days: Days = 180
    audit_days: Days = 3650
    events_days: Days = 90
    purge: time = time(3, 0)

    @model_validator(mode="after")
    def _require_least_days(self) -> RetentionSettings:
        for name, least in LEAST_DAYS.items():
            if 0 < getattr(self, name) < least:
                msg = f"{name} = {getattr(self, name)}: expected {least} days or more, or 0"
                raise ValueError(msg)
        return self

    def retention(self) -> Retention:
        """Return the days of each kind of record."""
        return Retention(**self.model_dump(exclude={"purge"}))


class LogSettings(Section):
    """`[log]`: format and level of the log on standard output."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class StripeSettings(Section):
    """`[stripe]`: off by default. After loading, the secrets hold the contents of their files.

    Several webhook secrets can be valid at once, while one replaces another.
    """

    enabled: bool = False
    secret_key: SecretStr = SecretStr("")
    secret_key_file: NonEmpty = STRIPE_FILES["secret_key_file"]
    webhook_secrets: tuple[SecretStr, ...] = ()
    webhook_secret_files: tuple[NonEmpty, ...] = tuple(STRIPE_FILES["webhook_secret_files"])
    api_base: Annotated[str, AfterValidator(check_api_base)] | None = None
    success_url: Page | None = None
    cancel_url: Page | None = None
    portal_return_url: Page | None = None

    @property
    def pages(self) -> SalePages:
        """The pages that buyers are sent to."""
        return SalePages(
            self.success_url or "", self.cancel_url or "", self.portal_return_url or ""
        )

    def with_secrets(self, found: Mapping[KeyPath, SecretStr]) -> StripeSettings:
        """Return these settings with the secrets read from the files."""
        key = found.get(("stripe", "secret_key_file"), self.secret_key)
        files = (
            ("stripe", "webhook_secret_files", n) for n in range(len(self.webhook_secret_files))
        )
        secrets = tuple(found[file] for file in files if file in found) or self.webhook_secrets
        return self.model_copy(update={"secret_key": key, "webhook_secrets": secrets})


class WebSettings(Section):
    """`[web]`: the process for programs and people; `user` is the one that it runs as.

    `[web.database]` is a login of its own, which may only read; without it that of `[database]`.
    """

    listen: Listen = "127.0.0.1:8081"
    public_url: Annotated[str, AfterValidator(check_public_url)] = "http://localhost:8081"
    trusted_proxies: tuple[Network, ...] = ()
    user: NonEmpty = "pbxbilling-web"
    state: Path = Path("/var/lib/pbxbilling-web")
    database: DatabaseSettings | None = None
    signup: bool = False

    @property
    def own_hosts(self) -> frozenset[str]:
        """What a request may call us: as `public_url` does, or by our address on loopback."""
        url, listen = urlsplit(self.public_url.lower()), self.address
        default = _DEFAULT_PORTS[url.scheme]
        ours = Address(url.hostname or "", url.port or default)
        names = {str(ours)}
        if ours.port == default:
            names.add(str(ours).removesuffix(f":{default}"))
        if listen.is_loopback:
            names |= {str(Address(host, listen.port)) for host in _LOOPBACK}
        return frozenset(names)

    @property
    def origin(self) -> str:
        """What a browser calls our pages: scheme, host and port."""
        return self.public_url.rstrip("/")

    @property
    def address(self) -> Address:
        """Host and port to listen on."""
        return parse_listen(self.listen)


class FeaturesSettings(Section):
    """`[features]`: what is off has no routes, pages and mails; its data stays.

    Calls are admitted all the same.
    """

    billing: bool = True
    wallet: bool = True


class UsageSettings(Section):
    """`[usage]`: the token to report usage over HTTP. After loading, `token` holds the file's."""

    token: Token = SecretStr("")
    token_file: NonEmpty | None = None


class MqttSettings(Section):
    """`[mqtt]`: the broker to publish to. After loading, `password` holds its file's content."""

    enabled: bool = False
    url: Annotated[str, AfterValidator(lambda url: str(parse_broker(url)))] = (
        "mqtt://127.0.0.1:1883"
    )
    username: Plain | None = None
    password: SecretStr = SecretStr("")
    password_file: NonEmpty | None = None
    ca_file: Path | None = None
    queue: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000

    @property
    def broker(self) -> BrokerAddress:
        """The broker's address and whether it uses TLS."""
        return parse_broker(self.url)

    @model_validator(mode="after")
    def _have_one_password(self) -> MqttSettings:
        if self.password.get_secret_value() and self.password_file:
            msg = 'expected either password_file = "FILE" or password = "…"'
            raise ValueError(msg)
        if (self.password.get_secret_value() or self.password_file) and not self.username:
            msg = 'a password needs username = "…"'
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _trust_somebody_only_with_tls(self) -> MqttSettings:
        if self.ca_file is not None and not self.broker.tls:
            msg = 'ca_file is for TLS: expected url = "mqtts://…"'
            raise ValueError(msg)
        return self
