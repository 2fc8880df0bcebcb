"""Which classes moved between two sets of features of one network, and what that cost."""
