"""Asterisk's journal of channel events (CEL), read as trunk legs."""
