"""Statistics on a cluster in ranges of classes, where one of all classes is large: no worker has to hold that.

What a task reads has few classes, and makes one *piece* for each range of classes: counts, shifts, sums and squares of
the classes that it has met there. Pieces of a range are merged with one another alone. Products of columns belong to no
class; the first piece of a task has them, and merging adds what lies between means to those of its range. The sum over
all ranges is that of one statistic.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.features.arrays import Gaps, as_array, as_labels
from penultimate.features.moments import Moments
from penultimate.features.passes.one_process import run
from penultimate.features.passes.replicates import Replicates
from penultimate.features.sources.source import FeatureSource
from penultimate.features.statistics import FeatureStatistics

Ints = NDArray[np.int64]
Piece = Mapping[str, NDArray[Any]]

_SHARED = ("moment", "rows")
# Numbers of a range, and of what a task reads: 512 MiB in float64.
RANGE = 1 << 26


def bounds_of(classes: int, dimension: int) -> Ints:
    """Where ranges of classes begin, and the number of all; a range has at most so many numbers, or one class."""
    return np.append(np.arange(0, classes, max(1, RANGE // (2 * dimension))), classes)


class _Met(Replicates):
    """The statistic of some classes, those that a source has."""

    def __init__(self, met: Ints, classes: int, dimension: int, gaps: Gaps, before: int) -> None:
        super().__init__(met.size, dimension, 1, gaps=gaps, before=np.array([before]))
        self._met, self._classes = met, classes

    def update(self, features: object, labels: object, weights: object = None) -> None:
        own = as_array(labels, "labels")
        numbers = np.searchsorted(self._met, as_labels(own, len(own), self._classes))
        super().update(features, numbers, weights)


def pieces_of(source: FeatureSource, bounds: Ints, gaps: Gaps, before: int, name: str) -> list[Piece]:
    """What a task makes of what it reads, one piece a range.

    Parameters
    ----------
    source : FeatureSource
    bounds : ndarray of int of shape (ranges + 1,)
        Of `bounds_of`.
    gaps : {"refuse", "drop"}
        What to do with rows that hold NaN or infinity.
    before : int
        Samples that others see before these.
    name : str
        Of the pass.

    Returns
    -------
    list of dict of str to ndarray
        ``classes``, and of each of them ``weight``, ``shift``, ``total``, ``square``; ``moment`` of shape (1, d, d)
        and ``rows``, those used and those dropped, of shape (1, 2) in the first piece, and of shapes (0, …) in others.
    """
    # A statistic has two classes at least.
    met = np.unique(np.concatenate([np.arange(2), *map(np.unique, source.labels())])).astype(np.int64)
    sums = _Met(met, int(bounds[-1]), source.dimension, gaps, before)
    run(source, cast(Replicates, sums), name)
    statistics = sums.whole
    statistics.settle()
    arrays, cuts = statistics.arrays(), np.searchsorted(met, bounds)
    rows = np.array([[statistics.rows, statistics.dropped]])
    return [
        {
            "classes": met[first:stop],
            **{key: arrays[key][first:stop] for key in ("weight", "shift", "total", "square")},
            "moment": arrays["moment"][number:1],
            "rows": rows[number:1],
        }
        for number, (first, stop) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    ]


def merged(*pieces: Piece) -> Piece:
    """One piece of several of the same range, which are left as they are."""
    classes = np.unique(np.concatenate([piece["classes"] for piece in pieces]))
    whole, *others = (_on(classes, piece) for piece in pieces)
    for other in others:
        whole.merge(other)
    arrays = {key: getattr(whole, key) for key in ("weight", "shift", "total", "square", "moment")}
    rows = np.concatenate([piece["rows"] for piece in pieces]).sum(axis=0, keepdims=True)
    return {"classes": classes, **arrays, "rows": rows}


def shared(piece: Piece) -> Piece:
    """What belongs to no class."""
    return {key: piece[key] for key in _SHARED}


def bare(piece: Piece) -> Piece:
    """A piece without what belongs to no class."""
    return {**piece, **{key: piece[key][:0] for key in _SHARED}}


def with_shared(piece: Piece, *others: Piece) -> Piece:
    """The piece of the first range with what belongs to no class of the others too.

    So one piece has it all when a group of tasks is done, as the first one of a task has, and goes on from a checkpoint
    to the same bits.
    """
    sums = {key: np.concatenate([piece[key], *(other[key] for other in others)]) for key in _SHARED}
    return {**piece, **{key: array.sum(axis=0, keepdims=True) for key, array in sums.items()}}


def frozen(piece: Piece) -> Piece:
    """A piece with means in place of shifts and sums: half of what has to travel."""
    moments = _on(piece["classes"], piece)
    moments.freeze()
    kept = {"shift": moments.shift, "square": moments.square, "total": np.empty((0, moments.shift.shape[1]))}
    return {**piece, **kept}


def whole_of(pieces: Iterable[Piece], classes: int, dimension: int) -> dict[str, NDArray[Any]]:
    """Arrays of the statistic of all classes, filled piece by piece.

    Parameters
    ----------
    pieces : iterable of Piece
        One a range; they are drawn one after the other. Of `frozen` ones the statistic is frozen, too.
    classes, dimension : int
        K and d.

    Returns
    -------
    dict of str to ndarray
        For `FeatureStatistics.from_arrays`.
    """
    empty = FeatureStatistics(classes, dimension)
    arrays, seen = dict(empty.arrays()), np.zeros(2)
    left = False
    for piece in pieces:
        mine = piece["classes"]
        for key in ("weight", "shift", "square"):
            arrays[key][mine] = piece[key]
        if len(piece["total"]):
            arrays["total"][mine] = piece["total"]
            left = True
        arrays["moment"] += piece["moment"].sum(axis=0)
        seen += piece["rows"].sum(axis=0)
    if not left:
        arrays["shift"][arrays["weight"] == 0] = np.nan
        arrays["total"] = np.broadcast_to(0.0, arrays["shift"].shape)
    return arrays | {"progress": np.array([arrays["weight"].sum(), *seen])}


def split(arrays: Mapping[str, NDArray[Any]], bounds: Ints) -> list[Piece]:
    """Pieces of a statistic, as `pieces_of` gives them."""
    weight = arrays["weight"]
    found: list[Piece] = []
    for number, (first, stop) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        mine = first + np.flatnonzero(weight[first:stop] > 0)
        own = {key: arrays[key][mine] for key in ("weight", "shift", "total", "square")}
        rows = arrays["progress"][None, 1:].astype(np.int64)
        found.append({"classes": mine, **own, "moment": arrays["moment"][number:1], "rows": rows[number:1]})
    return found


def _on(classes: Ints, piece: Piece) -> Moments:
    """The sums of a piece, with places for other classes; its shifts are next to its means."""
    place = np.searchsorted(classes, piece["classes"])
    dimension = piece["shift"].shape[1]
    weight, square = np.zeros((2, classes.size))
    shift, total = np.zeros((2, classes.size, dimension))
    weight[place], square[place], shift[place] = piece["weight"], piece["square"], piece["shift"]
    total[place] = piece["total"]
    moment = piece["moment"].sum(axis=0, keepdims=True)
    return Moments(weight, shift, total, square, moment, settled=True)
