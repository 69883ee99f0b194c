"""What a gap left out is made up for: by a snapshot, and by the journal."""
