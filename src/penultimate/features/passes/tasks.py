"""What the workers of a cluster do: tasks that read shards, and tasks that merge what these give."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from operator import getitem
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, MissingDependencyError
from penultimate.features.arrays import Gaps, as_labels
from penultimate.features.passes import class_ranges
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.kept_memory import kept_memory
from penultimate.features.passes.one_process import run
from penultimate.features.passes.shards import Shard
from penultimate.features.sources.source import ArraySource, FeatureSource
from penultimate.threads import one_thread_of_blas

Item = TypeVar("Item")
Counts = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]
# Shards whose statistics are merged before others are looked at, each with the samples before it.
Group = list[tuple[Shard, Counts]]

# So many are merged at a time.
_FAN = 4


def library(name: str) -> Any:
    """Dask or distributed, of which types would say less than none."""
    try:
        return import_module(name)
    except ImportError:
        raise MissingDependencyError(
            "a Dask cluster needs dask and distributed, which are not installed: pip install 'penultimate[dask]'"
        ) from None


def tasks_of(accumulator: Accumulator, groups: list[Group]) -> tuple[list[Any], list[Any]]:
    """The tasks that merge each group, and those that read the shards."""
    dask = library("dask")
    blank = dask.delayed(accumulator.fresh(), traverse=False)
    merge = partial(dask.delayed(merge_parts), blank)
    roots: list[Any] = []
    leaves: list[Any] = []
    for index, group in enumerate(groups):
        with dask.annotate(priority=-index):  # else merged groups would wait on the workers for the first ones
            own = [
                dask.delayed(partial(_fill, shard.name, shard.source, before))(blank, *shard.arrays)
                for shard, before in group
            ]
            # Even a single leaf is merged, so that no task is both.
            roots.append(tree(own, merge) if len(own) > 1 else merge(*own))
            leaves += own
    return roots, leaves


def tasks_of_ranges(
    gaps: Gaps, bounds: Counts, groups: list[Group], parts: Sequence[Any], *, last: bool
) -> tuple[list[Any], list[Any]]:
    """The tasks that merge each range of classes, with what has been merged of it before, and those that read."""
    dask = library("dask")
    merge, take, bare, shared, join, end = map(
        dask.delayed,
        (
            class_ranges.merged,
            getitem,
            class_ranges.bare,
            class_ranges.shared,
            class_ranges.with_shared,
            class_ranges.frozen,
        ),
    )
    bound, leaves = dask.delayed(bounds, traverse=False), list[Any]()
    whole = [dask.delayed(part, traverse=False) for part in parts]
    for index, group in enumerate(groups):
        with dask.annotate(priority=-index):
            own = [
                dask.delayed(partial(_fill_ranges, shard.name, shard.source, gaps, int(before.sum())))(
                    bound, *shard.arrays
                )
                for shard, before in group
            ]
            found = [tree([take(leaf, number) for leaf in own], merge) for number in range(len(bounds) - 1)]
            first, *others = [merge(*both) for both in zip(whole, found, strict=True)] if whole else found
            whole = [join(first, *map(shared, others)), *map(bare, others)]
        leaves += own
    return list(map(end, whole)) if last else whole, leaves


def told(roots: Sequence[Any], groups: list[Group]) -> tuple[list[str], list[int]]:
    """Names of all tasks, and samples of those that read."""
    names = ["several shards"] * len(roots) + [shard.name for group in groups for shard, _ in group]
    return names, [shard.samples for group in groups for shard, _ in group]


def tree(items: Sequence[Item], merge: Callable[..., Item]) -> Item:
    """Merge neighbours, then neighbours of what that gave, until one is left.

    Parameters
    ----------
    items : sequence
        At least one.
    merge : callable
        Makes one of two, three or four.

    Returns
    -------
    object

    Examples
    --------
    >>> from penultimate.features.passes.tasks import tree
    >>> tree("abcdefghi", lambda *items: f"({''.join(items)})")
    '((abcd)(efgh)i)'
    """
    left = list(items)
    while len(left) > 1:
        groups: list[list[Item]] = [left[first : first + _FAN] for first in range(0, len(left), _FAN)]
        left = [group[0] if len(group) == 1 else merge(*group) for group in groups]
    return left[0]


def _fill(name: str, source: FeatureSource | None, before: Counts, blank: Accumulator, *arrays: NDArray[Any]) -> Arrays:
    """What a shard adds to an accumulator."""
    own = blank.fresh(before)
    with _named(name), one_thread_of_blas(), kept_memory():
        run(ArraySource(arrays[0], arrays[1]) if source is None else source, own, name)
    return own.arrays()


def _fill_ranges(
    name: str, source: FeatureSource | None, gaps: Gaps, before: int, bounds: Counts, *arrays: NDArray[Any]
) -> list[class_ranges.Piece]:
    """What a shard adds to each range of classes."""
    shard = ArraySource(arrays[0], arrays[1]) if source is None else source
    with _named(name), one_thread_of_blas(), kept_memory():
        return class_ranges.pieces_of(shard, bounds, gaps, before, name)


def merge_parts(blank: Accumulator, *parts: Arrays) -> Arrays:
    """What several shards add, as one; the parts are left as they are, for Dask may need them again."""
    whole = restored(blank, {name: array.copy() for name, array in parts[0].items()})
    with one_thread_of_blas(), kept_memory():
        for part in parts[1:]:
            whole.merge(restored(blank, part))
    return whole.arrays()


def restored(kind: Accumulator, arrays: Arrays) -> Accumulator:
    """An accumulator of some kind that holds arrays."""
    accumulator = kind.fresh()
    accumulator.restore(arrays)
    return accumulator


def look(function: Callable[[Any], Item], name: str, source: FeatureSource | None, *labels: NDArray[Any]) -> Item:
    """What a function finds in the labels of a shard."""
    with _named(name):
        return function(labels if source is None else source.labels())


def largest(blocks: Sequence[NDArray[Any]]) -> tuple[int, int]:
    """The largest label of a shard, and how many there are."""
    found = [(int(labels.max(initial=0)), len(labels)) for labels in blocks]
    return max(top for top, _ in found), sum(number for _, number in found)


def count(classes: int, blocks: Sequence[NDArray[Any]]) -> Counts:
    """Samples of each class in a shard."""
    counts = np.zeros(classes, dtype=np.int64)
    for labels in blocks:
        counts += np.bincount(as_labels(labels, len(labels), classes), minlength=classes)
    return counts


@contextmanager
def _named(name: str) -> Generator[None]:
    """Put the name of the shard before errors that lack it; those of files have it."""
    try:
        yield
    except FeaturesError as error:
        raise FeaturesError(f"{name}: {error}") from None
