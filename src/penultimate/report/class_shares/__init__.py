"""Shares of classes, presented."""
