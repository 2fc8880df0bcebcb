"""Penultimate features: what one pass over them keeps, and what it measures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["metrics"])
