"""Payment gateways, a folder each."""
