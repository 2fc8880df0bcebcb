"""Whether a result keeps the bounds that a pipeline sets: `check`."""
