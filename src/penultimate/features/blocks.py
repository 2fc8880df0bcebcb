"""Rows a block at a time, so that nothing of the size of a large table is made beside it."""

from collections.abc import Iterator

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
