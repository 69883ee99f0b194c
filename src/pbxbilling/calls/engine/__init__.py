"""The parts that work on one ledger, wired, and the way of facts to the sinks."""
