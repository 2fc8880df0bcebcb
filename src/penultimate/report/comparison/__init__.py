"""A comparison of losses, presented."""
