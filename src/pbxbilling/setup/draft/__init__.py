"""A draft of the accounts: the tenants that a PBX has already, each in log mode."""
