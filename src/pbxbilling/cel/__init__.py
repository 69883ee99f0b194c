"""Asterisk's CEL journal, read from its files."""
