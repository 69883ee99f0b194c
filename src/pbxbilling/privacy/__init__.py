"""How long what is held on people stays, and how it is forgotten."""
