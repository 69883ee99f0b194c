"""What is in force for a tenant at this moment; every hook reads it."""
