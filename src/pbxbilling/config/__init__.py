"""Reads one TOML file into typed settings; every fault names the key, the line and the fix."""

from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.load import load
from pbxbilling.config.reload import SettingsChange, reload_of
from pbxbilling.config.sections import PbxSettings
from pbxbilling.config.settings import Settings

__all__ = ["ConfigError", "Fault", "PbxSettings", "Settings", "SettingsChange", "load", "reload_of"]
