"""The unconstrained feature model and the geometry of its solutions."""
