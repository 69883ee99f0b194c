"""Rows and records, one made of the other."""
