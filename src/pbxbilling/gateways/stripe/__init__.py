"""The adapter to Stripe's API."""
