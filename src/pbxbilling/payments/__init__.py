"""Payment gateways: the flows that each of them needs, and Stripe behind its ports."""
