"""Recovery of what a gap left out, by snapshots of the PBX's channels and by its journal."""
