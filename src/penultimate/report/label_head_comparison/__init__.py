"""A comparison of heads for several labels a sample, presented."""
