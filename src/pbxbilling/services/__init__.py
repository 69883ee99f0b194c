"""Verbs over the domain and the ports: admit, track, reconcile, meter, recover, administer."""
