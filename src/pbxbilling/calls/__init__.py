"""What is going on in Asterisk, and what it weighs."""
