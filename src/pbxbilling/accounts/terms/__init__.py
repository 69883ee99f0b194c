"""What is in force for a tenant at this moment, as every hook asks it."""
