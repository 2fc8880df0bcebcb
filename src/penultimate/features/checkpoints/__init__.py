"""The head among the arrays of a checkpoint: which it is, and what its stored numbers stand for."""
