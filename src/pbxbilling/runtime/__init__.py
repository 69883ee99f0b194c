"""What the program needs of Python and the machine: time, waiting, memory."""
