"""What a payment gateway says that a tenant has bought."""
