"""A forecast, presented."""
