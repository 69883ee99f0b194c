"""What live legs use up, and the end of those that have used it up."""
