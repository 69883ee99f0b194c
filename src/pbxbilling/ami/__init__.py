"""Asterisk's manager interface: bytes, messages, signals, and the supervised link to one PBX."""
