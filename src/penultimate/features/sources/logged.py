"""Logs of a few columns of each sample: which columns, and their values. All others are gaps."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import FeaturesError

# Arrays of a log, both N × m.
COLUMNS, VALUES = "columns", "values"


def filled_out(
    columns: NDArray[np.integer], values: NDArray[np.floating], width: int, first: int = 0
) -> Float[np.ndarray, "n d"]:
    """Rows of full width, NaN where nothing was logged.

    Parameters
    ----------
    columns : ndarray of shape (n, m)
        Which columns of each sample were logged, in any order.
    values : ndarray of shape (n, m)
        What they held; NaN where a sample has fewer.
    width : int
        d.
    first : int, default 0
        Samples before these, for messages.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    FeaturesError
        For a column outside 0 … d − 1, and one that is logged twice.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources.logged import filled_out
    >>> filled_out(np.array([[2, 0], [1, 2]]), np.array([[5.0, 1.0], [7.0, np.nan]]), 3)
    array([[ 1., nan,  5.],
           [nan,  7., nan]])
    """
    there = ~np.isnan(values)
    outside = there & ((columns < 0) | (columns >= width))
    if outside.any():
        row, place = np.argwhere(outside)[0].tolist()
        raise FeaturesError(
            f"{COLUMNS}: sample {first + row} names column {columns[row, place]}, outside 0 … {width - 1}: number "
            "columns from 0, and give NaN as the value where a sample has fewer"
        )
    rows = np.full((len(values), width), np.nan, dtype=values.dtype)
    row, place = np.nonzero(there)
    rows[row, columns[row, place]] = values[row, place]
    twice = np.flatnonzero(np.count_nonzero(~np.isnan(rows), axis=1) < there.sum(axis=1))
    if twice.size:
        raise FeaturesError(
            f"{COLUMNS}: sample {first + int(twice[0])} names a column twice: log each column of a sample once"
        )
    return rows


def width_of(blocks: Iterable[NDArray[np.integer]]) -> int:
    """The largest column that is named, and one."""
    return max((int(columns.max(initial=-1)) for columns in blocks), default=-1) + 1
