"""Asterisk's journal of channel events, read as calls."""
