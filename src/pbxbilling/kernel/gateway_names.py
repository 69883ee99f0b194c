"""The names of payment gateways, and the outside names that have one of them in it.

Nothing else of the core says any: what operators type and what files are keyed by is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

GatewayName = NewType("GatewayName", str)  # as messages say it

STRIPE = GatewayName("Stripe")

PRICE_TABLES: Mapping[GatewayName, str] = {STRIPE: "stripe_prices"}  # of a plan in accounts files
SECTIONS: Mapping[GatewayName, str] = {STRIPE: "[stripe]"}  # of the configuration
COMMANDS = "pbxbilling stripe"  # those that follow are about gateways
