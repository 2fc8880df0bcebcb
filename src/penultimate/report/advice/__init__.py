"""Advice, presented."""
