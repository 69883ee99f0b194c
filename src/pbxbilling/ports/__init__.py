"""What the services need from outside, as small protocols; adapters and test fakes fit them."""
