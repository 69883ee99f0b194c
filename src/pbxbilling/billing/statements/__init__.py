"""Make statements, save the final ones once, and look them up."""
