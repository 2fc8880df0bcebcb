"""The singular value decomposition of the label matrix."""
