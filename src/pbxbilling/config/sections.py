"""The sections of `pbxbilling.toml`, typed: every key, with its default.

`docs/reference/configuration.md` describes the same keys for people; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)

from pbxbilling.config.lines import KeyPath
from pbxbilling.config.secret import STRIPE_FILES
from pbxbilling.config.value_types import (
    DIALLED,
    NAME,
    Address,
    BrokerAddress,
    check_page,
    check_zone,
    parse_broker,
    parse_database_path,
    parse_listen,
    parse_network,
)
from pbxbilling.kernel.bounds import DAYS_MOST, SECONDS_MOST
from pbxbilling.kernel.codes import Direction, Reason
from pbxbilling.privacy.retention import LEAST_DAYS, Retention
from pbxbilling.subscriptions.order import SalePages

_LEAST_DIGITS = 3  # of an emergency number
Cause = Annotated[int, Field(ge=1, le=127)]
Days = Annotated[int, Field(ge=0, le=DAYS_MOST)]
Seconds = Annotated[float, Field(gt=0, le=SECONDS_MOST, allow_inf_nan=False)]
Listen = Annotated[str, AfterValidator(lambda text: str(parse_listen(text)))]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(parse_network)]
Page = Annotated[str, AfterValidator(check_page)]
NonEmpty = Annotated[str, Field(min_length=1)]
Dialled = Annotated[str, Field(pattern=DIALLED)]


OLD_HOOK = Address("127.0.0.1", 4573)
"""Where 0.1 listened unless it was told otherwise; FreePBX's and Wazo's port."""


class Section(BaseModel):
    """What all sections share: unknown keys are faults, nothing is guessed, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatabaseSettings(Section):
    """`[database]`: where records are kept."""

    url: Annotated[str, AfterValidator(lambda url: parse_database_path(url) and url)] = (
        "sqlite:////var/lib/pbxbilling/pbxbilling.db"
    )

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return parse_database_path(self.url)


class AgiSettings(Section):
    """`[agi]`: the hook's listener, who may ask, and how long an answer may take."""

    listen: Listen = "127.0.0.1:4590"
    allow: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"),)
    deadline_ms: Annotated[int, Field(ge=10, le=10_000)] = 300
    on_deadline: Literal["admit", "refuse"] = "admit"
    on_malformed: Literal["admit", "refuse"] = "refuse"

    @property
    def address(self) -> Address:
        """Host and port to listen on."""
        return parse_listen(self.listen)

    @property
    def takes_old_hooks(self) -> bool:
        """Whether `OLD_HOOK` is listened on too: a site that wrote no address asks there."""
        return "listen" not in self.model_fields_set

    @model_validator(mode="after")
    def _require_who_may_ask(self) -> AgiSettings:
        if not self.address.is_loopback and "allow" not in self.model_fields_set:
            msg = (
                f"listen = {self.listen!r} can be reached from outside: name the PBXs that may ask,"
                ' as allow = ["192.0.2.10/32"]'
            )
            raise ValueError(msg)
        return self


class AmiSettings(Section):
    """`[ami]`: what holds for the links to all PBXs."""

    stale_s: Seconds = 30


class HttpSettings(Section):
    """`[http]`: metrics and health for machines, the admin socket for commands."""

    listen: Listen = "127.0.0.1:8080"
    admin: Path = Path("/run/pbxbilling/admin.sock")

    @property
    def address(self) -> Address:
        """Host and port to listen on."""
        return parse_listen(self.listen)


class PbxSettings(Section):
    """One `[[pbx]]`. After loading, `secret` holds what `secret_file` named."""

    name: Annotated[str, Field(pattern=NAME)]
    host: NonEmpty
    port: Annotated[int, Field(ge=1, le=65_535)] = 5038
    username: NonEmpty
    secret: SecretStr = SecretStr("")
    secret_file: str | None = None
    trunks: tuple[NonEmpty, ...] = ()
    cel_csv: Path | None = None

    @model_validator(mode="after")
    def _have_one_secret(self) -> PbxSettings:
        if bool(self.secret.get_secret_value()) == bool(self.secret_file):
            msg = 'expected either secret_file = "FILE" or secret = "…"'
            raise ValueError(msg)
        return self


class RefusalSettings(Section):
    """`[refusal]`: the Q.850 cause of a refusal, and others for the reasons named.

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
        """The causes that differ from the general one."""
        named = self.model_dump(exclude_none=True, exclude={"cause"})
        return {Reason(reason): cause for reason, cause in named.items()}


class EmergencySettings(Section):
    """`[emergency]`: numbers that always pass, and what a site dials in front of them.

    `directions` are those of the hooks that may ask for one: an extension can have such a number.
    """

    numbers: tuple[Dialled, ...] = ("112", "911", "999")
    prefixes: tuple[Dialled, ...] = ()
    directions: tuple[Direction, ...] = (Direction.OUTBOUND,)

    def short(self) -> tuple[str, ...]:
        """Numbers that are dialled for other things as well, as "0" is for an outside line."""
        return tuple(n for n in self.numbers if sum(map(str.isdigit, n)) < _LEAST_DIGITS)


class NumbersSettings(Section):
    """`[numbers]`: what becomes of a number that no carrier dials, where its price is asked."""

    unusable: Literal["refuse", "dearest"] = "refuse"


class BillingSettings(Section):
    """`[billing]`: defaults of the accounts."""

    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    trial_days: Days = 14
    grace_days: Days = 7
    default_plan: NonEmpty = "free"
    daily_check: time = time(1, 0)


class DecisionsSettings(Section):
    """`[decisions]`: refusals are always recorded; admissions only when asked for."""

    admissions: bool = False


class RetentionSettings(Section):
    """`[retention]`: days that things are kept for; 0 is for ever."""

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
        """The days of each kind."""
        return Retention(**self.model_dump(exclude={"purge"}))


class LogSettings(Section):
    """`[log]`: the form of the lines on standard output, and how many of them."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class StripeSettings(Section):
    """`[stripe]`: off until there are keys. After loading, the secrets hold what the files named.

    Several webhook secrets are good at once, while one takes the place of another.
    """

    enabled: bool = False
    secret_key: SecretStr = SecretStr("")
    secret_key_file: NonEmpty = STRIPE_FILES["secret_key_file"]
    webhook_secrets: tuple[SecretStr, ...] = ()
    webhook_secret_files: tuple[NonEmpty, ...] = tuple(STRIPE_FILES["webhook_secret_files"])
    api_base: str | None = None
    success_url: Page | None = None
    cancel_url: Page | None = None
    portal_return_url: Page | None = None

    @property
    def pages(self) -> SalePages:
        """Where buyers are sent."""
        return SalePages(
            self.success_url or "", self.cancel_url or "", self.portal_return_url or ""
        )

    def with_secrets(self, found: Mapping[KeyPath, SecretStr]) -> StripeSettings:
        """These settings with what was read from the files."""
        key = found.get(("stripe", "secret_key_file"), self.secret_key)
        files = (
            ("stripe", "webhook_secret_files", n) for n in range(len(self.webhook_secret_files))
        )
        secrets = tuple(found[file] for file in files if file in found) or self.webhook_secrets
        return self.model_copy(update={"secret_key": key, "webhook_secrets": secrets})


class UsageSettings(Section):
    """`[usage]`: who may tell of usage over HTTP. After loading, `token` holds the file's."""

    token: SecretStr = SecretStr("")
    token_file: NonEmpty | None = None


class MqttSettings(Section):
    """`[mqtt]`: a broker that is told. After loading, `password` holds what its file held."""

    enabled: bool = False
    url: Annotated[str, AfterValidator(lambda url: str(parse_broker(url)))] = (
        "mqtt://127.0.0.1:1883"
    )
    username: NonEmpty | None = None
    password: SecretStr = SecretStr("")
    password_file: NonEmpty | None = None
    ca_file: Path | None = None
    queue: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000

    @property
    def broker(self) -> BrokerAddress:
        """Where the broker is."""
        return parse_broker(self.url)

    @property
    def sends_its_password_in_clear(self) -> bool:
        """Whether whoever is on the way can read it."""
        broker = self.broker
        return self.username is not None and not (broker.tls or broker.address.is_loopback)

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
