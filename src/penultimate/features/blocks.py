"""Rows a block at a time, so that nothing of the size of a large table is made beside it."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from penultimate.threads import at_once, in_turns

# Numbers of a block: 16 MiB in float64, or 512 KiB, which stay in the cache of a core.
ENTRIES, CACHED = 1 << 21, 1 << 16


def blocks(rows: int, width: int, entries: int = ENTRIES) -> Iterator[slice]:
    """Ranges of rows that make up 0 … rows − 1.

    Parameters
    ----------
    rows, width : int
        Of the table.
    entries : int, default 2²¹
        Numbers of a block; a block has one row at least.

    Yields
    ------
    slice
    """
    return slices(rows, max(1, entries // max(width, 1)))


def over_blocks(rows: int, width: int, work: Callable[[slice], object]) -> None:
    """Call a function on all blocks of a table, in threads.

    Parameters
    ----------
    rows, width : int
        Of the table.
    work : callable
        Called with a range of rows; what it writes, it writes for these rows alone.
    """
    places = list(blocks(rows, width))
    in_turns(lambda _, place: work(place), places, at_once(len(places)))


def sum_over_blocks(rows: int, width: int, part: Callable[[slice], NDArray[np.float64]]) -> NDArray[np.float64]:
    """The sum of what a function makes of every block of a table, in threads.

    Parameters
    ----------
    rows, width : int
        Of the table; of no rows the function is called with none.
    part : callable
        Makes an array of its own of a range of rows, of one shape for all.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.ones((5, 3))
    >>> sum_over_blocks(5, 3, lambda place: rows[place].sum(axis=0))
    array([5., 5., 5.])
    """
    places = list(blocks(rows, width)) or [slice(0, 0)]
    threads = at_once(len(places))
    sums: list[NDArray[np.float64] | None] = [None] * threads

    def add(thread: int, place: slice) -> None:
        found, held = part(place), sums[thread]
        if held is None:
            sums[thread] = found
        else:
            held += found

    in_turns(add, places, threads)
    whole, *others = (held for held in sums if held is not None)
    for other in others:
        whole += other
    return whole


def slices(size: int, step: int) -> Iterator[slice]:
    """Ranges of so many, or fewer at the end, that make up 0 … size − 1.

    Parameters
    ----------
    size, step : int

    Yields
    ------
    slice
    """
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))
