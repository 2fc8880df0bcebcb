"""Roots of the secular equation and sums over its Cauchy matrix in near-linear time, what is far by `cauchy_tree`.

The same figures as the direct loops of `secular`, in O(m log m): both are held against one another in the tests. Poles
keep their weights for residues, since all offsets are right to full relative accuracy (a root whose condition number
is above `_ILL_CONDITIONED` gets its Newton steps in doubled precision over all poles, as there).
"""

from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.kernels import SUM_FLAGS, kernel
from penultimate.spectrum.cauchy_tree import Halving, Sources, chebyshev, gather
from penultimate.spectrum.root_finding import Floats, Index, Ints, differences, doubled_residual, find_root
from penultimate.threads import over_rows

# Sums are right to some 1e-15, so offsets to 1e-12 up to here; beyond, a root takes O(m), and hardly any does.
_ILL_CONDITIONED, _SETTLED = 1e3, 1e-12
# Divisions for the targets of a leaf, for the time between two looks at Ctrl-C: some ten sums over a thousand sources.
_LEAF_STEPS = 1 << 19


@kernel(error_model="numpy")
def _tree_roots(
    bounds: NDArray[np.int64],
    poles: Floats,
    none: Floats,
    weights: Floats,
    tails: Floats,
    box: NDArray[np.float64],
    charges: NDArray[np.float64],
    points: Floats,
    anchors: Ints,
    offsets: Floats,
    first: Index,
    last: Index,
) -> None:
    m, leaves = poles.size, bounds.shape[0] // 2
    base, shift, charge, delta = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    for leaf in range(leaves + first, leaves + last):
        begin, end = bounds[leaf, 0], min(bounds[leaf, 1], m - 1)
        high, low = float(poles[begin]), float(poles[end])
        count, own = gather(bounds, leaf, high, low, poles, none, weights, box, charges, points, base, shift, charge)
        for i in range(begin, end):
            place = np.int64(own + i - begin)
            at, offset, slope, condition, step = find_root(
                base[:count], shift[:count], charge[:count], place, delta[:count]
            )
            anchor = np.int64(i + at - place)
            if condition > _ILL_CONDITIONED or not step <= _SETTLED:
                for _ in range(2):
                    offset -= doubled_residual(poles, weights, tails, anchor, offset) / slope
            anchors[i], offsets[i] = anchor, offset


@kernel(fastmath=SUM_FLAGS, error_model="numpy")
def _inverse_sum(x: Floats, delta: Floats, offset: float) -> float:
    total = 0.0
    for j in range(x.size):
        total += x[j] / (delta[j] - offset)
    return total


@kernel(fastmath=SUM_FLAGS, error_model="numpy")
def _inverse_square_sum(x: Floats, delta: Floats, offset: float) -> float:
    total = 0.0
    for j in range(x.size):
        inverse = 1.0 / (delta[j] - offset)
        total += x[j] * inverse * inverse
    return total


@kernel(error_model="numpy")
def _tree_sums(
    bounds: NDArray[np.int64],
    poles: Floats,
    source: Floats,
    source_shift: Floats,
    x: Floats,
    box: NDArray[np.float64],
    charges: NDArray[np.float64],
    points: Floats,
    target: Floats,
    target_shift: Floats,
    power: int,
    out: Floats,
    first: Index,
    last: Index,
) -> None:
    """``Σ_j x_j / (source_j − target_i)^power`` for every target; target i lies at pole i or in the gap below it."""
    m, leaves = x.size, bounds.shape[0] // 2
    base, shift, charge, delta = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    for leaf in range(leaves + first, leaves + last):
        begin, end = bounds[leaf, 0], min(bounds[leaf, 1], target.size)
        high, low = float(poles[begin]), float(poles[min(bounds[leaf, 1], poles.size - 1)])
        count, _ = gather(bounds, leaf, high, low, source, source_shift, x, box, charges, points, base, shift, charge)
        for i in range(begin, end):
            differences(base[:count], shift[:count], target[i], delta[:count])
            if power == 1:
                out[i] = _inverse_sum(charge[:count], delta[:count], target_shift[i])
            else:
                out[i] = _inverse_square_sum(charge[:count], delta[:count], target_shift[i])


def tree_roots(
    poles: Float[np.ndarray, " m"], weights: Float[np.ndarray, " m"], tails: Float[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    """The nearer pole of every root, and the offset from it."""
    halving = Halving(poles.size)
    sources = Sources(halving, poles, np.zeros(poles.size), weights)
    anchors, offsets = np.empty(poles.size - 1, dtype=np.int64), np.empty(poles.size - 1)
    given = (poles, sources.shift, weights, tails, *sources.boxes, chebyshev(), anchors, offsets)
    over_rows(partial(_tree_roots, halving.bounds, *given), halving.leaves, _LEAF_STEPS)
    return anchors, offsets


def tree_sum_over_poles(
    poles: Float[np.ndarray, " m"],
    origins: Float[np.ndarray, " r"],
    offsets: Float[np.ndarray, " r"],
    x: Float[np.ndarray, " m"],
    power: int,
) -> Float[np.ndarray, " r"]:
    """``Σ_g x_g / (c_g − λ_i)^power`` for every root."""
    return _sums(poles, Sources(Halving(poles.size), poles, np.zeros(poles.size), x), origins, offsets, power)


def tree_sum_over_roots(
    poles: Float[np.ndarray, " m"],
    origins: Float[np.ndarray, " r"],
    offsets: Float[np.ndarray, " r"],
    x: Float[np.ndarray, " r"],
    power: int,
) -> Float[np.ndarray, " m"]:
    """``Σ_i x_i / (c_g − λ_i)^power`` for every pole."""
    # The last pole has no gap below it: a root of no charge, so that both have one tree.
    last = np.array([poles[-1]])
    sources = Sources(
        Halving(poles.size),
        np.append(origins, last),
        np.append(offsets, -0.5 * last),
        np.append(x, 0.0),
    )
    sums = _sums(poles, sources, poles, np.zeros(poles.size), power)
    return -sums if power == 1 else sums


def _sums(
    poles: Float[np.ndarray, " m"],
    sources: Sources,
    target: Float[np.ndarray, " t"],
    target_shift: Float[np.ndarray, " t"],
    power: int,
) -> Float[np.ndarray, " t"]:
    out = np.empty(target.size)
    halving = sources.halving
    given = (poles, sources.base, sources.shift, sources.charge, *sources.boxes, chebyshev())
    row = partial(_tree_sums, halving.bounds, *given, target, target_shift, power, out)
    over_rows(row, halving.leaves, _LEAF_STEPS // 8)
    return out
