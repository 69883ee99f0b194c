"""Sessions of people who have logged in: rows of this process's own, lost without harm."""
