"""Forecast, audit and mend the geometry that imbalanced classes force on a network's last layer.

``import penultimate as pen``; every public name is loaded when it is first used, so that the import itself costs
next to nothing. The names are listed in ``__init__.pyi``.

``from penultimate import *`` leaves out what it would have to import a library for that may not be installed: `torch`
(PyTorch), `heads`, `compare_heads`, `compare_label_heads`, `HeadComparison` and `LabelHeadComparison`
(scikit-learn). Ask for them by name.
"""

import lazy_loader

_AFTER_A_LIBRARY = {
    "torch",
    "heads",
    "compare_heads",
    "compare_label_heads",
    "HeadComparison",
    "LabelHeadComparison",
}

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [name for name in _names if name not in _AFTER_A_LIBRARY]  # pyright: ignore[reportUnsupportedDunderAll]
