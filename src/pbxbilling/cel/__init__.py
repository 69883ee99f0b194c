"""The reader of Asterisk's CEL journal files."""
