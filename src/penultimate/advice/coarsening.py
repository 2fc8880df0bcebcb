"""Counts with fewer distinct values, for a search whose answer is then held against the counts themselves."""

import numpy as np

from penultimate.counts import ClassCounts


def coarsened(counts: ClassCounts, groups: int) -> ClassCounts:
    """Give classes of similar counts their mean count, so that at most `groups` distinct ones are left.

    Classes and samples stay as many as they are, in all and in every bin (of equal width in log n).

    Parameters
    ----------
    counts : ClassCounts
        The classes.
    groups : int
        How many distinct counts may be left.

    Returns
    -------
    ClassCounts
        The same one where there are no more already.

    Examples
    --------
    >>> import penultimate as pen
    >>> coarsened(pen.ClassCounts([1000, 900, 800, 12, 10, 0]), groups=2).values
    array([900., 900., 900.,  11.,  11.,   0.])
    """
    if counts.distinct.size <= groups:
        return counts
    edges = np.geomspace(counts.smallest, counts.largest, groups + 1)
    bins = np.searchsorted(edges[1:-1], counts.distinct, side="right")
    size = np.bincount(bins, counts.multiplicity)
    samples = np.bincount(bins, counts.multiplicity * counts.distinct)
    mean = np.divide(samples, size, out=np.zeros_like(samples), where=size > 0)
    return ClassCounts(np.append(mean[bins], 0.0)[counts.group], counts.names)
