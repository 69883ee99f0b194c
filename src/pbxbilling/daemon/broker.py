"""What the MQTT publisher goes by, from the configuration."""

from __future__ import annotations

from pbxbilling.config.sections import MqttSettings
from pbxbilling.mqtt.settings import BrokerSettings


def broker_settings(settings: MqttSettings) -> BrokerSettings | None:
    """What the publisher must know of `[mqtt]`; None where it is not enabled."""
    if not settings.enabled:
        return None
    address, tls = settings.broker
    return BrokerSettings(
        host=address.host,
        port=address.port,
        tls=tls,
        username=settings.username,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
        queue=settings.queue,
    )
