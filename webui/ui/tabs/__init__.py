"""One file per tab; found, not registered."""
