"""The daemon's costs, as ratios to the least that could do the same: `python -m bench`."""
