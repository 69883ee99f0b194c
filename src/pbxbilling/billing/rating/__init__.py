"""What a period's usage costs."""
