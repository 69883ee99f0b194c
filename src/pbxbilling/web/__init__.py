"""HTTP: metrics, health, webhook and usage over TCP; the API on a Unix socket only."""
