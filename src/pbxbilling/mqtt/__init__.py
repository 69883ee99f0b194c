"""The MQTT broker: what tenants hold and what happens to their calls, for displays and scripts."""
