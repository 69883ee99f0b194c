"""Updates of the ledger from AMI's signals."""
