"""Rows a block at a time, so that nothing of the size of a large table is made beside it."""

from collections.abc import Iterator

# Numbers of a block: 16 MiB in float64.
ENTRIES = 1 << 21


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Ranges of rows that make up 0 … rows − 1.

    Parameters
    ----------
    rows, width : int
        Of the table.

    Yields
    ------
    slice
    """
    step = max(1, ENTRIES // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
