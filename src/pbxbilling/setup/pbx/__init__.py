"""What a PBX has: kind, console, dialplan, endpoints, trunks. It is read, never changed."""
