"""Changes of files: shown, written with a backup, taken back."""
