"""Whether all that the daemon stands on is well: each thing looked at live, each with its mend."""
