"""Advice for several labels a sample, presented."""
