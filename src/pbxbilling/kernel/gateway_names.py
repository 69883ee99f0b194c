"""The names of payment gateways, and the keys and commands that contain one.

No other part of the core names a gateway: what operators type and files are keyed by stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

GatewayName = NewType("GatewayName", str)  # as messages spell it

STRIPE = GatewayName("Stripe")

# The table of a plan in accounts files that holds the ids of the gateway's prices.
PRICE_TABLES: Mapping[GatewayName, str] = {STRIPE: "stripe_prices"}

# The section of the configuration that enables the gateway.
SECTIONS: Mapping[GatewayName, str] = {STRIPE: "[stripe]"}

# The path that a gateway posts its events to.
WEBHOOK_PATHS: Mapping[GatewayName, str] = {STRIPE: "/api/stripe/webhook"}

# The group of commands about gateways, as messages name it.
COMMANDS = "pbxbilling stripe"

# The message of a command that needs a gateway where none is enabled.
HOW_TO_ENABLE = (
    "Stripe is not enabled, and nothing is charged: put the API key (sk_… or rk_…) into the file"
    " that stripe.secret_key_file names and the webhook's secret (whsec_…) into that of"
    " stripe.webhook_secret_files, set `enabled = true` under [stripe] in the configuration, and"
    " restart the daemon; docs/guides/stripe.md shows it step by step"
)
