"""Stripe: its webhook, its API, its spellings. Nothing outside this package knows them."""
