"""HTTP: metrics, health and webhook for machines; administration on a Unix socket alone."""
