"""Valleys in the density of distances, each with the evidence that it is no accident (docs/theory §8.2).

Distances of rows from a point are told apart by their density. The null hypothesis is that it has a single mode, as
every smooth cloud has that is seen from its middle. Take neighbouring intervals A, V and C. If the mode lies right of
V, the density rises up to it, and a point of A ∪ V falls into A with a probability of at most |A|/(|A| + |V|); if it
lies left of V, the same is true of C. More points than that in both A and C speak against a single mode, and
Chernoff's bound says how loudly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Bins of log r: with 128 a valley can be as narrow as a twentieth of a decade where distances span six decades.
_BINS = 128
# A density of fewer points says nothing.
_FEWEST = 8
# Valleys within valleys; a split beyond the fifth has never been seen.
_DEEPEST = 5
_TINY = 1e-12


@dataclass(frozen=True)
class Valley:
    """A stretch that holds fewer distances than a density with one mode can have.

    Attributes
    ----------
    evidence : float
        In nats, after Bonferroni's correction for all intervals looked at; positive.
    left, right : float
        Its ends, in log r.
    """

    evidence: float
    left: float
    right: float


def find_valleys(log_distance: Float[np.ndarray, " n"], alpha: float, *, in_log: bool = False) -> list[Valley]:
    """All valleys of a density, left to right.

    Parameters
    ----------
    log_distance : ndarray of shape (n,)
        Logarithms of distances.
    alpha : float
        How often a density with a single mode may seem to have a valley.
    in_log : bool, default False
        Whether it is the density of log r that is to have a single mode: that of r has, for distances from a point.

    Returns
    -------
    list of Valley
        Empty where a single mode explains the distances.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.scans.valleys import find_valleys
    >>> rng = np.random.default_rng(0)
    >>> near, far = 0.01 * rng.chisquare(30, 50) ** 0.5, rng.chisquare(30, 950) ** 0.5
    >>> [valley] = find_valleys(np.log(np.concatenate([near, far])), 1e-3)
    >>> bool(np.log(near).max() <= valley.left < valley.right <= np.log(far).min())
    True
    >>> find_valleys(np.log(far), 1e-3)
    []
    """
    return _within(log_distance, alpha, in_log, _DEEPEST)


def _within(x: Float[np.ndarray, " n"], alpha: float, in_log: bool, depth: int) -> list[Valley]:
    valley = _clearest(x, alpha, in_log) if depth and x.size >= _FEWEST else None
    if valley is None:
        return []
    left, right = x[x <= valley.left], x[x >= valley.right]
    return [*_within(left, alpha, in_log, depth - 1), valley, *_within(right, alpha, in_log, depth - 1)]


def _clearest(x: Float[np.ndarray, " n"], alpha: float, in_log: bool) -> Valley | None:
    low, high = float(x.min()), float(x.max())
    if not high > low:
        return None
    edges = np.linspace(low, high, _BINS + 1)
    below = np.concatenate([[0], np.cumsum(np.histogram(x, edges)[0])])
    reach = edges - low if in_log else np.exp(edges - high)
    reach[0] = 0.0
    lengths = 2 ** np.arange(_BINS.bit_length() - 1)
    start, size = (axis.ravel() for axis in np.meshgrid(np.arange(1, _BINS), lengths, indexing="ij"))
    inside = start + size < _BINS
    start, stop = start[inside], (start + size)[inside]
    # The last neighbour is all there is on that side: rows equal to rounding may lie decades from all others.
    firsts = [*(start - length for length in lengths), np.zeros_like(start)]
    lasts = [*(stop + length for length in lengths), np.full_like(stop, _BINS)]
    before = np.max([_speaks(below, reach, start, stop, first, start) for first in firsts], axis=0)
    after = np.max([_speaks(below, reach, start, stop, stop, last) for last in lasts], axis=0)
    evidence = np.minimum(before, after)
    best = int(evidence.argmax())
    certain = float(evidence[best] - np.log(2 * start.size * (lengths.size + 1) / alpha))
    return Valley(certain, float(edges[start[best]]), float(edges[stop[best]])) if certain > 0 else None


def _speaks(
    below: np.ndarray, reach: np.ndarray, start: np.ndarray, stop: np.ndarray, first: np.ndarray, last: np.ndarray
) -> Float[np.ndarray, " v"]:
    """Evidence of neighbours from `first` to `last` that the stretch from `start` to `stop` is too empty."""
    real = (first >= 0) & (last <= _BINS)
    first, last = np.clip(first, 0, _BINS), np.clip(last, 0, _BINS)
    there, here = below[last] - below[first], below[stop] - below[start]
    both = np.maximum(there + here, 1)
    span, gap = reach[last] - reach[first], reach[stop] - reach[start]
    allowed, share = span / np.maximum(span + gap, _TINY * reach[-1]), there / both
    too_many = real & (share > allowed)
    return np.where(too_many, both * _divergence(share, allowed), 0.0)


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Kullback and Leibler's, of coins that fall heads with probability p and q."""
    p, q = np.clip(p, _TINY, 1 - _TINY), np.clip(q, _TINY, 1 - _TINY)
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
