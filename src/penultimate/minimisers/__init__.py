"""Ways to minimise the model, one a file; all take ClassCounts and Problem and return a Solution."""
