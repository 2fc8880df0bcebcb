"""A learning curve, presented."""
