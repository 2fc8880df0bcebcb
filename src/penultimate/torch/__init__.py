"""PyTorch: features of a trained model or while it trains, and what to train it with.

``pen.torch`` needs the extra ``penultimate[torch]``; the rest of the package never imports PyTorch. The callbacks
import their framework when they are first used.
"""

import lazy_loader

from penultimate.optional import needed

needed("torch", "torch", "penultimate.torch")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
