"""The ledger kept true by what AMI tells."""
