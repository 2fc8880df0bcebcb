"""A trajectory, presented."""
