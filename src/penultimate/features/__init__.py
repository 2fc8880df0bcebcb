"""Penultimate features: what one pass over them keeps, and what it measures."""
