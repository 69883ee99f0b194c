"""Legs and prices become money owed."""
