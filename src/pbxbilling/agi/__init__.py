"""The FastAGI server that answers every hook in time."""
