"""Asterisk's manager interface: messages, signals, and the supervised link to one PBX."""
