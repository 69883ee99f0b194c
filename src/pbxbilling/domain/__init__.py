"""Nouns of telephony and billing: pure values and rules, no clock, no I/O, no library."""
