"""A forecast for several labels a sample, soft labels or regression."""
