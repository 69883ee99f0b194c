"""The ledger of live calls, and the words of what happens to them."""
