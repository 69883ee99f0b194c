"""Stripe, in its own words."""
