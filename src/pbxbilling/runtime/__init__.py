"""What the program needs from Python and the machine: time, waiting, memory."""
