"""A comparison of heads, presented."""
