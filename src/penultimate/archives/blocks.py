"""Blocks in which long arrays are read: how long they are, and where they are cut."""

from collections.abc import Iterator

from penultimate.errors import FeaturesError

_BLOCK_BYTES = 16 << 20


# A source is cut in shards of so many blocks, 256 MiB of float32: what a lost worker costs to read again.
_SHARD_BLOCKS = 16


# Below this width the labels take as much room as the features.
_NARROW = 64


def block_rows(dimension: int) -> int:
    """How many samples a block has: about 16 MiB of float32 features, at least 1,024 rows.

    Parameters
    ----------
    dimension : int
        Width of the features, d.

    Returns
    -------
    int
        A multiple of 4,096 up to a width of 1,024, and at most 65,536.

    Examples
    --------
    >>> from penultimate.archives.blocks import block_rows
    >>> block_rows(512), block_rows(4096)
    (8192, 1024)
    """
    rows = _BLOCK_BYTES // (4 * max(dimension, _NARROW))
    return rows // 4096 * 4096 if rows >= 4096 else max(rows, 1024)


def spans(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Bounds of the blocks from `start` to `stop`, cut at the multiples of `size`.

    Parameters
    ----------
    start, stop : int
        First row, and the row after the last.
    size : int
        Rows of a block.

    Yields
    ------
    tuple of int
        First row of a block, and the row after its last.

    Examples
    --------
    >>> from penultimate.features.sources.source import spans
    >>> list(spans(3, 9, 4))
    [(3, 4), (4, 8), (8, 9)]
    """
    while start < stop:
        end = min(stop, (start // size + 1) * size)
        yield start, end
        start = end


def shard_spans(samples: int, size: int) -> list[tuple[int, int]]:
    """Bounds of the shards in which a source of one piece is cut.

    Parameters
    ----------
    samples : int
        N.
    size : int
        Rows of a block.

    Returns
    -------
    list of tuple of int
        First row of a shard, and the row after its last.

    Examples
    --------
    >>> from penultimate.features.sources.source import shard_spans
    >>> shard_spans(100_000, 4096)
    [(0, 65536), (65536, 100000)]
    """
    return list(spans(0, samples, _SHARD_BLOCKS * size))


def check_start(start: int, samples: int) -> None:
    """Refuse to start outside the data.

    Parameters
    ----------
    start : int
        The sample to start from.
    samples : int
        N; to start there is to be done.

    Raises
    ------
    FeaturesError
        When it is negative or beyond the last sample.
    """
    if not 0 <= start <= samples:
        raise FeaturesError(f"cannot start at sample {start} of {samples}: give a number from 0 to {samples}")
