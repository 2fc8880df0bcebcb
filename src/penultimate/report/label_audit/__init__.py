"""An audit of features with several labels a sample, presented."""
