"""The rows of all facts, one file for each subject."""
