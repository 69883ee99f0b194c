"""All that works on one ledger, wired."""
