"""AMI's messages: cut, repaired, read, and put into the ledger's words."""
