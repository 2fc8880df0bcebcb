"""Classes with equal counts, gathered into groups: the theory's ``c_1 > … > c_m`` with multiplicities ``s_g``."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Entries of a table (512 KiB) that costs no time to make and to look up in, however few the classes.
_SMALL = 65_536


class Groups(NamedTuple):
    """The groups of equal counts.

    Attributes
    ----------
    distinct : ndarray of shape (m,), float64
        Counts, largest first; zero is no group.
    multiplicity : ndarray of shape (m,), int64
        How many classes have each.
    group : ndarray of shape (K,), int32
        Index of each class in ``distinct``, -1 for classes without samples.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.groups import group_counts
    >>> group_counts(np.array([5.0, 0.0, 9.0, 5.0])).distinct
    array([9., 5.])
    """

    distinct: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    group: NDArray[np.int32]


def group_counts(counts: NDArray[np.float64]) -> Groups:
    """Group equal counts, in O(K) memory; in O(K) time when they are whole and none exceeds K.

    Parameters
    ----------
    counts : ndarray of shape (K,), float64
        Samples of each class, not negative.

    Returns
    -------
    Groups

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.groups import group_counts
    >>> group_counts(np.array([5.0, 0.0, 9.0, 5.0])).group
    array([ 1, -1,  0,  1], dtype=int32)
    """
    if counts.max() <= max(counts.size, _SMALL):
        whole = counts.astype(np.int64)
        if np.array_equal(whole, counts):
            return _by_table(whole)
    return _by_rank(counts)


def first_two(group: NDArray[np.int32], groups: int) -> NDArray[np.int64]:
    """Find the first two classes of every group.

    Parameters
    ----------
    group : ndarray of shape (K,), int32
        Group of each class, -1 for none.
    groups : int
        Number of groups, m.

    Returns
    -------
    ndarray of shape (m, 2), int64
        Class indices in class order; the second is -1 where a group has one class.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.groups import first_two
    >>> first_two(np.array([1, -1, 0, 1], dtype=np.int32), 2)
    array([[ 2, -1],
           [ 0,  3]])
    """
    first = _first_members(group, groups)
    others = group.copy()
    others[first] = -1
    return np.stack((first, _first_members(others, groups)), axis=1)


def _first_members(group: NDArray[np.int32], groups: int) -> NDArray[np.int64]:
    # Assigned backwards, the first member is written last and stays. Classes without a group, -1, land in the spare
    # last entry.
    members = np.full(groups + 1, -1, dtype=np.int64)
    members[group[::-1]] = np.arange(group.size - 1, -1, -1)
    return members[:groups]


def split_groups(counts: NDArray[np.float64], groups: Groups, vectors: list[NDArray[Any]], unseen: bool) -> Groups:
    """Groups of classes that no other figures tell apart either; the same groups where none do.

    Parameters
    ----------
    counts : ndarray of shape (K,), float64
        Samples of each class.
    groups : Groups
        Of equal counts.
    vectors : list of ndarray of shape (K,)
        Other figures of every class.
    unseen : bool
        Whether classes without samples are in groups too, the last ones.

    Returns
    -------
    Groups
    """
    kept = (counts > 0) | unseen
    group = np.where(groups.group < 0, groups.distinct.size, groups.group)  # those without samples are one for now
    first = first_two(group, groups.distinct.size + 1)[:, 0]
    told_apart = [v for v in vectors if np.any((v[first][group] != v)[kept])]
    if not told_apart and np.array_equal(kept, groups.group >= 0):
        return groups
    keys = np.column_stack([group, *told_apart])[kept]
    _, example, place, multiplicity = np.unique(
        keys, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    finer = np.full(counts.size, -1, dtype=np.int32)
    finer[kept] = place.ravel()
    return Groups(counts[kept][example], multiplicity.astype(np.int64), finer)


def _by_table(whole: NDArray[np.int64]) -> Groups:
    tally = np.bincount(whole)
    tally[0] = 0
    distinct = np.flatnonzero(tally)[::-1]
    table = np.full(tally.size, -1, dtype=np.int32)
    table[distinct] = np.arange(distinct.size)
    return Groups(distinct.astype(np.float64), tally[distinct].astype(np.int64), table[whole])


def _by_rank(counts: NDArray[np.float64]) -> Groups:
    ascending = np.unique(counts)
    rank = _ranks(counts, ascending)
    group = (ascending.size - 1 - rank).astype(np.int32)
    group[counts == 0] = -1
    zeros = int(ascending[0] == 0)
    multiplicity = np.bincount(rank, minlength=ascending.size)[zeros:]
    return Groups(ascending[zeros:][::-1].copy(), multiplicity[::-1].astype(np.int64), group)


def _ranks(counts: NDArray[np.float64], ascending: NDArray[np.float64]) -> NDArray[np.int64]:
    # Searching for each class is about twice as fast as sorting the classes while the distinct counts fit the cache,
    # and many times slower when they do not.
    if ascending.size <= _SMALL:
        return np.searchsorted(ascending, counts)
    return np.unique(counts, return_inverse=True)[1]
