"""Combines the sections of `pbxbilling.toml` into the settings, a policy and warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from pydantic import PrivateAttr, field_validator

from pbxbilling.accounts.terms.policy import EmergencyNumbers, Policy
from pbxbilling.config.dangers import dangers
from pbxbilling.config.sections import (
    AgiSettings,
    AmiSettings,
    BillingSettings,
    DatabaseSettings,
    DecisionsSettings,
    EmergencySettings,
    FeaturesSettings,
    HttpSettings,
    LogSettings,
    MqttSettings,
    NumbersSettings,
    PbxSettings,
    RefusalSettings,
    RetentionSettings,
    Section,
    StripeSettings,
    UsageSettings,
    WebSettings,
)
from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.subscriptions.order import SalePages


class Settings(Section):
    """The whole file; a reload replaces it as one."""

    mode: Mode = Mode.OFF
    unknown_tenant: Literal["admit", "refuse"] = "admit"
    database: DatabaseSettings = DatabaseSettings()
    agi: AgiSettings = AgiSettings()
    ami: AmiSettings = AmiSettings()
    http: HttpSettings = HttpSettings()
    pbx: tuple[PbxSettings, ...] = ()
    refusal: RefusalSettings = RefusalSettings()
    emergency: EmergencySettings = EmergencySettings()
    numbers: NumbersSettings = NumbersSettings()
    billing: BillingSettings = BillingSettings()
    decisions: DecisionsSettings = DecisionsSettings()
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()
    stripe: StripeSettings = StripeSettings()
    usage: UsageSettings = UsageSettings()
    web: WebSettings = WebSettings()
    features: FeaturesSettings = FeaturesSettings()
    mqtt: MqttSettings = MqttSettings()
    _loose_files: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("pbx")
    @classmethod
    def _name_each_once(cls, pbx: tuple[PbxSettings, ...]) -> tuple[PbxSettings, ...]:
        names = [one.name for one in pbx]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"expected a different name for each [[pbx]]; used twice: {', '.join(twice)}"
            raise ValueError(msg)
        return pbx

    @property
    def sale_pages(self) -> SalePages:
        """The pages that buyers are sent to, and the hosts of others that a request may choose."""
        own = urlsplit(self.web.public_url).netloc.lower()
        return replace(self.stripe.pages, own_hosts=frozenset({own}))

    @property
    def switched_off(self) -> frozenset[str]:
        """The names of the features that are off."""
        features = {**self.features.model_dump(), "signup": self.web.signup}
        return frozenset(name for name, on in features.items() if not on)

    @property
    def web_database(self) -> DatabaseUrl:
        """The database by the login of the web process."""
        return (self.web.database or self.database).place

    def policy(self) -> Policy:
        """Return the policy for admission of calls."""
        return Policy(
            mode=self.mode,
            refuse_unknown_tenant=self.unknown_tenant == "refuse",
            refuse_on_deadline=self.agi.on_deadline == "refuse",
            refuse_unusable=self.numbers.unusable == "refuse",
            refuse_on_malformed=self.agi.on_malformed == "refuse",
            cause=self.refusal.cause,
            causes=self.refusal.by_reason(),
            emergency=EmergencyNumbers(self.emergency.numbers, self.emergency.prefixes),
            emergency_directions=frozenset(self.emergency.directions),
            emergency_charged=self.emergency.charged,
            grace_days=self.billing.grace_days,
            trial_days=self.billing.trial_days,
            default_plan=self.billing.default_plan,
            timezone=self.billing.timezone,
            tenants_of_pbxes={one.name: one.tenant for one in self.pbx if one.tenant},
        )

    def warnings(self) -> tuple[str, ...]:
        """Return a sentence for each setting that is valid but probably a mistake."""
        found = [
            f"[[pbx]] {one.name}: no trunks: no leg of it is billed or counted as a trunk leg"
            for one in self.pbx
            if not one.trunks
        ]
        if not self.pbx:
            found.append("no [[pbx]]: no call is followed, limits and usage stay at zero")
        found += [
            f'[emergency] numbers: "{number}" has fewer than three digits: every call to it passes'
            " every limit"
            for number in self.emergency.short()
        ]
        if not (self.emergency.numbers and self.emergency.directions):
            found.append("[emergency] no number, or no direction: no emergency call passes limits")
        return (*found, *dangers(self), *self._loose_files)

    def with_loose_files(self, warnings: tuple[str, ...]) -> Settings:
        """Return these settings with warnings about files that others may read or write."""
        made = self.model_copy()
        made._loose_files = warnings  # noqa: SLF001 - a copy of this object
        return made
