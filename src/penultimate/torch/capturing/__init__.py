"""Features of a trained model, taken from its own forward pass."""
