"""Thresholds, presented."""
