"""The names of payment gateways, and the outside names that have one of them in it.

Nothing else of the core says any: what operators type and what files are keyed by is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

GatewayName = NewType("GatewayName", str)  # as messages say it

STRIPE = GatewayName("Stripe")

# The table of a plan in accounts files that names the gateway's prices.
PRICE_TABLES: Mapping[GatewayName, str] = {STRIPE: "stripe_prices"}

# The section of the configuration that enables the gateway.
SECTIONS: Mapping[GatewayName, str] = {STRIPE: "[stripe]"}

# The group of commands about gateways, as messages name it.
COMMANDS = "pbxbilling stripe"

# What is said where a command needs a gateway and none is enabled.
HOW_TO_ENABLE = (
    "Stripe is not enabled, and nothing is charged: put the API key (sk_… or rk_…) into the file"
    " that stripe.secret_key_file names and the webhook's secret (whsec_…) into that of"
    " stripe.webhook_secret_files, set `enabled = true` under [stripe] in the configuration, and"
    " restart the daemon; docs/guides/stripe.md shows it step by step"
)
