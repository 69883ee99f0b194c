"""Commands about the machine itself: set a PBX up, check all that the daemon depends on."""
