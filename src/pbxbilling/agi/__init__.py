"""The hook's counterpart in Asterisk: a FastAGI server that answers every call in time."""
