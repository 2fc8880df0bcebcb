"""Where a group of rows may have its centre: points around which rows lie denser than one cloud explains.

Rows are sketched in 48 random directions. Rows that are one vector fall into one cell of a grid, whatever its width, as
long as it is wider than their noise; so the fullest cells of grids of all widths are looked at, besides the obvious
points: zero, the mean row, the shortest rows and the longest.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.scans.rows import Rows, row_lengths
from penultimate.scans.valleys import Valley, find_valleys

# A sketch keeps distances to about 1/√(2q), 10 %: enough to find a centre, which is then made exact in all dimensions.
_SKETCH = 48
# Coordinates of one grid, and grids of each width.
_CELL, _GRIDS = 6, 3
# Widths of cells, each half the one before: from twice the scatter of all rows to a millionth of it.
_WIDTHS = 22
_FULLEST = 2
# Fewer rows are no group, unless they are equal bit by bit.
SMALLEST = 4
# Centres nearer to one another than this part of the scatter are one.
_SAME = 0.02
_ROUNDS = 3
# Groups looked at in all dimensions.
_KEPT = 4
# A candidate may be wrong: it is judged in earnest later.
_LENIENT = 1.0


def find_candidates(
    rows: Rows, lengths: Float[np.ndarray, " n"], rng: np.random.Generator
) -> list[Float[np.ndarray, " d"]]:
    """Centres of the most certain groups in the sketch, at most four.

    Parameters
    ----------
    rows : Rows
        At least 64 of them.
    lengths : ndarray of shape (n,)
        Their lengths.
    rng : numpy.random.Generator
        Of the sketch and the grids.

    Returns
    -------
    list of ndarray of shape (d,)
        The most certain first.
    """
    q = min(_SKETCH, rows.dimension)
    sketch = rows.project(np.linalg.qr(rng.standard_normal((rows.dimension, q)))[0])
    mean = sketch.mean(axis=0, dtype=np.float64)
    sketch -= mean.astype(np.float32)
    scatter = float(np.sqrt(np.einsum("nq,nq->", sketch, sketch, dtype=np.float64) / sketch.size))
    if scatter == 0.0:
        return []
    floor = float(1e-7 * max(np.median(lengths), np.finfo(np.float32).tiny))
    seen: list[NDArray[np.floating]] = []
    found: list[tuple[float, NDArray[np.int64]]] = []
    for centre in _starts(sketch, lengths, -mean, scatter, rng):
        if any(np.linalg.norm(centre - other) < _SAME * scatter * np.sqrt(q) for other in seen):
            continue
        seen.append(centre)
        group = _settle(sketch, centre, floor)
        if group is not None:
            found.append(group)
    return [rows.read(members).mean(axis=0, dtype=np.float64) for members in _apart(found)]


def _starts(
    sketch: Float[np.ndarray, "n q"],
    lengths: Float[np.ndarray, " n"],
    zero: Float[np.ndarray, " q"],
    scatter: float,
    rng: np.random.Generator,
) -> Iterator[Float[np.ndarray, " q"]]:
    order, few = np.argsort(lengths), max(SMALLEST, len(sketch) // 1000)
    yield zero
    yield np.zeros(sketch.shape[1])
    yield sketch[order[:few]].mean(axis=0)
    yield sketch[order[-few:]].mean(axis=0)
    for grid in range(max(1, min(_GRIDS, sketch.shape[1] // _CELL))):
        part = sketch[:, grid * _CELL : (grid + 1) * _CELL].astype(np.float64)
        for halvings in range(_WIDTHS):
            shift = rng.random(int(part.shape[1]))
            cells = np.floor(part / (2.0 * scatter * 0.5**halvings) + shift).astype(np.int64)
            for members in _fullest(cells, rng):
                yield np.median(sketch[members], axis=0)


def _fullest(cells: Int[np.ndarray, "n h"], rng: np.random.Generator) -> Iterator[Int[np.ndarray, " m"]]:
    """The rows of the fullest cells; cells are told apart by a random hash, which wraps around on purpose."""
    keys = cells @ rng.integers(1 << 20, 1 << 62, int(cells.shape[1]))
    order = np.argsort(keys)
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(first, keys.size))
    for cell in np.argsort(-sizes, kind="stable")[:_FULLEST]:
        if SMALLEST <= sizes[cell] <= len(cells) / 2:
            yield order[first[cell] : first[cell] + sizes[cell]]


def _settle(
    sketch: Float[np.ndarray, "n q"], centre: Float[np.ndarray, " q"], floor: float
) -> tuple[float, NDArray[np.int64]] | None:
    """Rows left of the last valley around a centre, which moves to their middle."""
    last: Valley | None = None
    members = np.empty(0, dtype=np.int64)
    for _ in range(_ROUNDS):
        x = np.log(np.maximum(row_lengths(sketch - centre.astype(np.float32)), floor))
        held = [valley for valley in find_valleys(x, _LENIENT) if np.sum(x <= valley.left) <= x.size / 2]
        if not held:
            return None
        last = held[-1]
        members = np.flatnonzero(x <= last.left)
        centre = np.median(sketch[members], axis=0)
    return None if last is None else (last.evidence, members)


def _apart(found: list[tuple[float, NDArray[np.int64]]]) -> list[NDArray[np.int64]]:
    """The most certain groups that share less than half of the smaller one."""
    kept: list[NDArray[np.int64]] = []
    for _, members in sorted(found, key=lambda item: -item[0]):
        if all(np.intersect1d(members, other).size < 0.5 * min(members.size, other.size) for other in kept):
            kept.append(members)
        if len(kept) == _KEPT:
            break
    return kept
