"""The MQTT sink: tenants' states and call events, for displays and scripts."""
