"""Ways to minimise the model, one a file; all take ClassCounts and Problem and return a Solution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["frames"])
