"""Take up what a payment gateway had before the daemon came."""
