"""Price the usage of a billing period."""
