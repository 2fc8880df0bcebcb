"""What the rows of a last layer say by themselves, without a sample, a count or a list of names."""
