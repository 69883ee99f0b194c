"""Statements: made, saved once, and looked up."""
