"""Reads the metrics of a running daemon as Prometheus does."""

from __future__ import annotations

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from rig.waiting import patience_s


def sample(http: str, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples with these labels at `http`, host:port, or 0."""
    with urlopen(f"http://{http}/metrics", timeout=patience_s(5)) as answer:
        text = answer.read().decode()
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(
        one.value for one in samples if one.name == name and labels.items() <= one.labels.items()
    )
