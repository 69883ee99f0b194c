"""The ledger of live calls, with its records, facts and signals."""
