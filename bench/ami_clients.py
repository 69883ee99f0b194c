"""The table of docs/decisions/0002-ami-client.md: `python -m bench.ami_clients`."""

from __future__ import annotations

from bench.ami_tracking import against

CLIENTS = ("ours", "panoramisk")


def main() -> None:
    """Print what an event costs each client, and its ratio to the reader that makes a dict."""
    print("| client | CPU µs an event | a dict of it | ratio (quartiles) |\n|---|---|---|---|")
    for client in CLIENTS:
        row = against(client, "dict", "AMI event")
        ratio = f"{row.ratio_median:.2f} ({row.q1:.2f} to {row.q3:.2f})"
        print(f"| {client} | {row.ours:.1f} | {row.counterpart:.1f} | {ratio} |")


if __name__ == "__main__":
    main()
