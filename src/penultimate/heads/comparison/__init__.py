"""Which head is best for the features at hand, judged on samples held out."""
