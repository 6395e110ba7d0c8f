"""Side-by-side measurements: a ratio against a named rival in the same run. ``python -m bench.NAME``."""
