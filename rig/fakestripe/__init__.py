"""Our own fake of Stripe: it tests our logic, and is no evidence about Stripe.

It provides what localstripe lacks: prices, checkout, the portal, meters, every kind of
subscription event, and hostile delivery of webhooks. Its bodies have the shape of the stripe
package's types (API 2026-10-28): the period on the subscription's items, an invoice's subscription
in `parent`, prices and no plans. Stripe's behaviour was taken from its documentation, so a test
against this fake is never evidence of conformance.
"""

from rig.fakestripe.fake import LIVE_KEY, TEST_KEY, FakeStripe
from rig.fakestripe.faults import Fault
from rig.fakestripe.hostile import Manner, Post

__all__ = ["LIVE_KEY", "TEST_KEY", "FakeStripe", "Fault", "Manner", "Post"]
