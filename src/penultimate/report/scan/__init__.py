"""A scan, presented."""
