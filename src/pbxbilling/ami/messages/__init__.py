"""AMI messages: framed, repaired, parsed, and mapped to signals."""
