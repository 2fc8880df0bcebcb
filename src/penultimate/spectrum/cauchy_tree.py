"""Sums ``Σ_j q_j K(y_j − x)`` over sorted sources in near-linear time: what is far is replaced by few sources.

Sources are halved by index into a binary tree. A node whose sources lie in an interval of half-width r, three times as
far from x as that, is replaced by `NODES` sources at the Chebyshev points of the interval, with the charges
``Σ_j q_j L_k(y_j)``, L_k the Lagrange polynomials: that interpolates the kernel in y, whatever kernel it is. For
1/(y − x) the error falls like 5.8 to the power of −NODES, below rounding. Nodes that are nearer are opened, down to
leaves, whose sources are taken as they are.

Only sources are replaced, never targets: so every difference is still formed from a pole, with one rounding, and a root
that all but meets its pole keeps its digits. All targets of a leaf share one list of sources, in the order of their
positions (a Chebyshev treecode, after Dutt, Gu and Rokhlin 1996; derived for this project in this form).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.kernels import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = int | np.int64

NODES = 22
_FAR = 3.0  # distance to the middle of a node, in half-widths
_LEAF = 64  # sources of a leaf at most; more than NODES, so a list is never longer than all sources


@dataclass(frozen=True)
class Halving:
    """Ranges of a binary tree over 0 … m − 1: node 1 is the whole, nodes 2k and 2k + 1 are the halves of k.

    Attributes
    ----------
    size : int
        M.
    """

    size: int

    @property
    def leaves(self) -> int:
        """How many there are, a power of 2; their nodes are the last."""
        return 1 << max((self.size - 1) // _LEAF, 0).bit_length()

    @cached_property
    def bounds(self) -> Int[np.ndarray, "nodes 2"]:
        """First index of each node and the one after its last; entry 0 is unused."""
        leaves = self.leaves
        ends = np.arange(leaves + 1, dtype=np.int64) * self.size // leaves
        out = np.zeros((2 * leaves, 2), dtype=np.int64)
        width = leaves
        while width:
            nodes = np.arange(leaves // width)
            out[leaves // width + nodes] = np.stack([ends[nodes * width], ends[(nodes + 1) * width]], axis=1)
            width //= 2
        return out


@dataclass(frozen=True)
class Sources:
    """Sources at ``base + shift`` with charges, and what stands for those of each node.

    Attributes
    ----------
    halving : Halving
        The tree.
    base, shift : ndarray of shape (m,)
        Positions, descending, as a pole and an offset from it.
    charge : ndarray of shape (m,)
        q.
    """

    halving: Halving
    base: Floats
    shift: Floats
    charge: Floats

    @cached_property
    def boxes(self) -> tuple[Float[np.ndarray, "nodes 3"], Float[np.ndarray, "nodes p"]]:
        """Of each node a pole near it, middle and half-width from there on; and the charges that stand for it."""
        nodes = len(self.halving.bounds)
        box, charges = np.zeros((nodes, 3)), np.zeros((nodes, NODES))
        _raise(self.halving.bounds, self.base, self.shift, self.charge, chebyshev(), box, charges)
        return box, charges


def chebyshev() -> Float[np.ndarray, " p"]:
    """The Chebyshev points of [−1, 1], descending."""
    return np.cos((np.arange(NODES) + 0.5) * np.pi / NODES)


@kernel(error_model="numpy")
def _add_moments(u: float, charge: float, moments: Floats) -> None:
    """Add ``q T_n(u)``."""
    before, here = 1.0, u
    moments[0] += charge
    for n in range(1, moments.size):
        moments[n] += charge * here
        before, here = here, 2.0 * u * here - before


@kernel(error_model="numpy")
def _raise(
    bounds: NDArray[np.int64],
    base: Floats,
    shift: Floats,
    charge: Floats,
    points: Floats,
    box: NDArray[np.float64],
    charges: NDArray[np.float64],
) -> None:
    """Fill boxes and charges, leaves first."""
    leaves = bounds.shape[0] // 2
    moments = np.empty(points.size)
    for node in range(bounds.shape[0] - 1, 0, -1):
        first, last = bounds[node, 0], bounds[node, 1]
        if first == last:
            continue
        high, low = shift[first], (base[last - 1] - base[first]) + shift[last - 1]
        middle, half = 0.5 * (high + low), max(0.5 * (high - low), 1e-300)
        box[node, 0], box[node, 1], box[node, 2] = base[first], middle, half
        moments[:] = 0.0
        if node >= leaves:
            for j in range(first, last):
                _add_moments((((base[j] - base[first]) + shift[j]) - middle) / half, charge[j], moments)
        else:
            for child in (2 * node, 2 * node + 1):
                apart = box[child, 0] - base[first] + (box[child, 1] - middle)
                for k in range(points.size):
                    _add_moments((apart + box[child, 2] * points[k]) / half, charges[child, k], moments)
        for k in range(points.size):
            before, here, total = 1.0, points[k], 0.5 * moments[0]
            for n in range(1, points.size):
                total += moments[n] * here
                before, here = here, 2.0 * points[k] * here - before
            charges[node, k] = 2.0 * total / points.size


@kernel(error_model="numpy")
def gather(
    bounds: NDArray[np.int64],
    leaf: Index,
    high: float,
    low: float,
    base: Floats,
    shift: Floats,
    charge: Floats,
    box: NDArray[np.float64],
    charges: NDArray[np.float64],
    points: Floats,
    near_base: Floats,
    near_shift: Floats,
    near_charge: Floats,
) -> tuple[Index, Index]:
    """List the sources that stand for all of them at targets of a leaf, in order; how many, and where its own begin."""
    leaves = bounds.shape[0] // 2
    stack = np.empty(128, dtype=np.int64)
    stack[0] = 1
    depth, count, own = 1, 0, 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        first, last = bounds[node, 0], bounds[node, 1]
        if first == last:
            continue
        reference, middle, half = box[node, 0], box[node, 1], box[node, 2]
        distance = max((reference - high) + middle, (low - reference) - middle)
        if distance >= _FAR * half and last - first > points.size:
            for k in range(points.size):
                near_base[count] = reference
                near_shift[count] = middle + half * points[k]
                near_charge[count] = charges[node, k]
                count += 1
        elif node >= leaves:
            if node == leaf:
                own = count
            for j in range(first, last):
                near_base[count] = base[j]
                near_shift[count] = shift[j]
                near_charge[count] = charge[j]
                count += 1
        else:
            stack[depth], stack[depth + 1] = 2 * node + 1, 2 * node
            depth += 2
    return count, own
