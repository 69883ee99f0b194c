"""Maps records to rows and back."""
