"""Weights stored in few bits, times the scales beside them: one for all, for a row, a column, or a block."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError

# The block of 8-bit floats where a side can be cut in several ways: DeepSeek-V3 (arXiv 2412.19437, section 3.3.2).
_BLOCK = 128
# bitsandbytes stores the largest size in a row, which is 127 steps (Dettmers et al. 2022, arXiv 2208.07339).
_STEPS = 127.0
_ROWS = 4096


def scaled(
    stored: NDArray[np.generic], scale: NDArray[np.generic], zero: NDArray[np.generic] | None, called: str
) -> NDArray[np.float32]:
    """``(stored − zero) · scale``.

    Parameters
    ----------
    stored : ndarray of shape (K, d)
    scale : ndarray
        One number; (K,) or (K, 1); (1, d); or (a, b), one for each of a × b blocks.
    zero : ndarray, optional
        Like the scale.
    called : str
        The scale's name in the file.

    Returns
    -------
    ndarray of shape (K, d), float32

    Raises
    ------
    FeaturesError
        When the scale does not fit, or could fit in several ways.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.checkpoints.scales import scaled
    >>> scaled(np.array([[100, -50], [10, 20]], np.int8), np.array([0.01, 0.1], np.float32), None, "weight_scale")
    array([[ 1. , -0.5],
           [ 1. ,  2. ]], dtype=float32)
    """
    steps = _STEPS if called.endswith("SCB") else 1.0
    factor = _spread(scale.astype(np.float64) / steps, stored.shape, called)
    less = np.zeros((1, 1)) if zero is None else _spread(zero.astype(np.float64), stored.shape, called)
    out = np.empty(stored.shape, dtype=np.float32)
    # A thousand million numbers in double precision would not fit beside them.
    for start in range(0, len(stored), _ROWS):
        rows = slice(start, start + _ROWS)
        out[rows] = (stored[rows].astype(np.float64) - less[_some(less, rows)]) * factor[_some(factor, rows)]
    return out


def _some(spread: NDArray[np.float64], rows: slice) -> slice:
    return rows if len(spread) > 1 else slice(None)


def _spread(scale: NDArray[np.float64], shape: tuple[int, ...], called: str) -> NDArray[np.float64]:
    """A scale for every number, or one that NumPy spreads."""
    rows, columns = shape
    if scale.size == 1:
        return scale.reshape(1, 1)
    if scale.ndim == 1:
        if scale.size in (rows, columns):
            return scale[:, None] if scale.size == rows else scale[None, :]
    elif scale.ndim == 2 or all(side == 1 for side in scale.shape[2:]):
        a, b = scale.shape[:2]
        down, across = _block(rows, a), _block(columns, b)
        if down and across:
            wide = np.repeat(scale.reshape(a, b), down, axis=0)[:rows] if a > 1 else scale.reshape(a, b)
            return np.repeat(wide, across, axis=1)[:, :columns] if b > 1 else wide
    raise FeaturesError(
        f"{called} of shape {scale.shape} does not tell how it goes with a weight of shape {shape}: "
        "save weight times scale as float32"
    )


def _block(side: int, parts: int) -> int | None:
    """How long the parts of a side are, the last one perhaps shorter; None where that is not clear."""
    shortest = ceil(side / parts)
    lengths = [length for length in range(shortest, 2 * shortest + 1) if ceil(side / length) == parts]
    if not lengths:
        return None
    if len(lengths) == 1 or _BLOCK in lengths:
        return _BLOCK if _BLOCK in lengths else lengths[0]
    if side % parts == 0:
        return side // parts
    powers = [length for length in lengths if length & (length - 1) == 0]
    return powers[0] if len(powers) == 1 else None
