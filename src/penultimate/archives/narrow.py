"""Kinds of floating-point numbers that NumPy lacks, read as float32: bfloat16 and the 8-bit floats of checkpoints."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# As .safetensors names them: NumPy's type of the same size, and a name in the manner of NumPy's.
NARROW = {
    "BF16": ("<u2", "bfloat16"),
    "F8_E4M3": ("u1", "float8_e4m3fn"),
    "F8_E5M2": ("u1", "float8_e5m2"),
}


def widened(kind: str, stored: NDArray[Any]) -> NDArray[np.float32]:
    """The numbers that bits stand for.

    Parameters
    ----------
    kind : str
        "bfloat16", "float8_e4m3fn" or "float8_e5m2".
    stored : ndarray of uint16 or uint8

    Returns
    -------
    ndarray of float32, of the same shape

    Notes
    -----
    8-bit floats: Micikevicius et al. 2022, "FP8 formats for deep learning" (arXiv 2209.05433), table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.archives.narrow import widened
    >>> widened("float8_e4m3fn", np.array([0x38, 0x7E, 0x81], np.uint8)).tolist()
    [1.0, 448.0, -0.001953125]
    """
    return _WIDENERS[kind](stored)


def _bfloat16(stored: NDArray[Any]) -> NDArray[np.float32]:
    # The upper halves of float32 numbers.
    wide = stored.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def _e5m2(stored: NDArray[Any]) -> NDArray[np.float32]:
    # The upper halves of float16 numbers.
    return (stored.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def _e4m3fn(stored: NDArray[Any]) -> NDArray[np.float32]:
    return _e4m3fn_table()[stored]


@cache
def _e4m3fn_table() -> NDArray[np.float32]:
    code = np.arange(256)
    exponent, mantissa = code >> 3 & 15, code & 7
    # Exponent 0 is for subnormal numbers; there is no infinity, and one NaN of either sign.
    size = np.where(exponent == 0, np.ldexp(mantissa / 8, -6), np.ldexp(1 + mantissa / 8, exponent - 7))
    size[code & 127 == 127] = np.nan
    return np.where(code >> 7, -size, size).astype(np.float32)


_WIDENERS: dict[str, Callable[[NDArray[Any]], NDArray[np.float32]]] = {
    "bfloat16": _bfloat16,
    "float8_e4m3fn": _e4m3fn,
    "float8_e5m2": _e5m2,
}
