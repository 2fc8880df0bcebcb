"""Drift, presented."""
