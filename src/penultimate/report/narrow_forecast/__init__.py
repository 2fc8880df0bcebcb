"""Forecasts with more classes than dimensions, presented."""
