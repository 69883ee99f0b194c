"""Asterisk's configuration files: read with their includes, changed line by line."""
