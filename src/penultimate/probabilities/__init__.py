"""Probabilities that any model gave: the thresholds they ask for, another mix of classes, and the mix they show."""
