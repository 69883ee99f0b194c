"""Send usage to any payment gateway: to its meter by leg, or as an invoice by statement."""
