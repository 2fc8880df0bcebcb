"""What can be done with rows that were never trained: leave them, mask their outputs, drop them, or start them anew."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.head import Head

Fix = Literal["leave", "mask", "drop", "mean"]
# Added to the bias of a masked class: its probability is zero in every precision, and the number fits half precision.
_MASKED = -3e4


def fixed(
    weight: Float[np.ndarray, "K d"],
    bias: Float[np.ndarray, " K"] | None,
    names: tuple[str, ...] | None,
    untrained: Int[np.ndarray, " u"],
    how: Fix,
) -> Head:
    """A head without the harm that untrained rows can do.

    Parameters
    ----------
    weight : ndarray of shape (K, d)
        Floats, copied where they change.
    bias : ndarray of shape (K,) or None
    names : tuple of str or None
        Numbers of rows where there are none, so that it is known which are left.
    untrained : ndarray
        Rows that were never trained.
    how : {"leave", "mask", "drop", "mean"}

    Returns
    -------
    Head

    Raises
    ------
    FeaturesError
        For any other fix, or when no trained row is left.
    """
    if how not in get_args(Fix):
        raise FeaturesError(f"there is no fix {how!r}: give one of {', '.join(get_args(Fix))}")
    called = tuple(map(str, range(len(weight)))) if names is None else names
    trained = np.ones(len(weight), dtype=bool)
    trained[untrained] = False
    kept: NDArray[np.int64] = np.flatnonzero(trained)
    if not kept.size:
        raise FeaturesError("no row was trained: there is nothing that a fix could keep")
    done = f"{how}: {untrained.size} of {len(weight)} rows"
    if how == "drop":
        part = None if bias is None else bias[kept]
        return Head((weight[kept],), part, tuple(called[int(row)] for row in kept), done)
    if how == "mask":
        offsets: NDArray[np.float64] = np.zeros(len(weight)) if bias is None else bias.astype(np.float64)
        offsets[untrained] = _MASKED
        return Head((weight,), offsets, called, done)
    if how == "mean":
        weight = weight.copy()
        weight[untrained] = weight[kept].mean(axis=0, dtype=np.float64)
        if bias is not None:
            bias = bias.copy()
            bias[untrained] = bias[kept].mean()
    return Head((weight,), bias, called, done)
