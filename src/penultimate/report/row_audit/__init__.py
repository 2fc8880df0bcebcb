"""An audit of a head with more classes than d + 1, presented."""
