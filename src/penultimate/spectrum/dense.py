"""The loops of `secular` over few poles as whole arrays, roots by poles: for these Numba need not be loaded.

Each function is the twin of a compiled loop: it takes what that takes and fills the same rows. Both are held against
50 digits in the tests.
"""

import numpy as np
from numpy.typing import NDArray

from penultimate.spectrum.root_finding import (
    EPSILON,
    ILL_CONDITIONED,
    MAX_STEPS,
    SETTLED,
    TOO_CLOSE,
    Floats,
    Index,
    Ints,
    two_product,
    two_sum,
)

Matrix = NDArray[np.float64]

# Entries of an array that is gone through many times: 256 KiB stay in the cache of a core.
_ENTRIES = 1 << 15


def roots(
    poles: Floats, weights: Floats, tails: Floats, anchors: Ints, offsets: Floats, first: Index, last: Index
) -> None:
    """`root_finding.find_root` of many gaps at once, and its last steps in doubled precision."""
    step = max(1, _ENTRIES // poles.size)
    for start in range(first, last, step):
        gaps = np.arange(start, min(start + step, last))
        anchors[gaps], offsets[gaps] = _roots(poles, weights, tails, gaps)


def _roots(poles: Floats, weights: Floats, tails: Floats, upper: Ints) -> tuple[Ints, Floats]:
    """The nearer pole of the root below each of some poles, and the offset from it."""
    above = (np.arange(poles.size) <= upper[:, None]).astype(np.float64)
    gap = poles[upper] - poles[upper + 1]
    f, *_ = _sums(weights, poles - poles[upper + 1, None], 0.5 * gap, above)
    lower_half = f >= 0.0
    anchor = np.where(lower_half, upper + 1, upper)
    delta = poles - poles[anchor, None]
    offset = np.where(lower_half, 0.5, -0.5) * gap
    low, high = np.where(lower_half, 0.0, offset), np.where(lower_half, offset, 0.0)
    # First step: the two neighbours keep their own weights, all other poles their sum at the midpoint.
    near, far = poles[upper] - poles[anchor] - offset, poles[upper + 1] - poles[anchor] - offset
    heavy, light = weights[upper], weights[upper + 1]
    rest = f - heavy / near - light / far
    step = _quadratic_step(rest, rest * (near + far) + heavy + light, near * far * f)
    slope, condition = np.ones(upper.size), np.zeros(upper.size)
    on = np.arange(upper.size)
    for _ in range(MAX_STEPS):
        trial = offset[on] + step[on]
        offset[on] = np.where((low[on] < trial) & (trial < high[on]), trial, _inside(low[on], high[on]))
        f, size, above_slope, below_slope = _sums(weights, delta[on], offset[on], above[on])
        slope[on] = above_slope + below_slope
        condition[on] = size / (slope[on] * np.abs(offset[on]))
        high[on], low[on] = np.where(f > 0.0, offset[on], high[on]), np.where(f > 0.0, low[on], offset[on])
        near = delta[on, upper[on]] - offset[on]
        far = delta[on, upper[on] + 1] - offset[on]
        product = near * far
        step[on] = _quadratic_step(
            f - near * above_slope - far * below_slope, (near + far) * f - product * slope[on], product * f
        )
        settled = (np.abs(f) <= 2.0 * EPSILON * size) | (np.abs(step[on]) <= EPSILON * np.abs(offset[on]))
        on = on[~settled]
        if not on.size:
            break
    ill = np.flatnonzero((condition > ILL_CONDITIONED) | ~(np.abs(step / offset) <= SETTLED))
    for _ in range(2):
        offset[ill] -= _doubled_residuals(poles, weights, tails, anchor[ill], offset[ill]) / slope[ill]
    return anchor, offset


def residues(poles: Floats, origins: Floats, offsets: Floats, out: Floats, first: Index, last: Index) -> None:
    """Products of ratios of distances to roots and to poles, a root with the farther pole of its gap."""
    own, i = np.arange(first, last)[:, None], np.arange(poles.size - 1)
    ratios = (poles[own] - origins - offsets) / (poles[i + (i >= own)] - poles[own])
    # Above and below the pole each on its own: neither side's factors exceed one.
    sides = np.where(i < own, ratios, 1.0).prod(axis=1), np.where(i < own, 1.0, ratios).prod(axis=1)
    out[first:last] = np.abs(sides[0] * sides[1])


def loewner(
    poles: Floats,
    origins: Floats,
    offsets: Floats,
    x: Floats,
    values: Floats,
    rows: Ints,
    columns: Ints,
    out: Matrix,
    first: Index,
    last: Index,
) -> None:
    """Of all pairs of these rows and columns."""
    own = rows[first:last]
    distance = poles[own, None] - poles[columns]
    close = np.abs(distance) < TOO_CLOSE * poles[own, None]
    out[first:last] = (values[columns] - values[own, None]) / np.where(close, 1.0, distance)
    a, b = np.nonzero(close)
    out[first + a, b] = _loewner_sums(poles, origins, offsets, x, own[a], columns[b])


def loewner_pairs(
    poles: Floats,
    origins: Floats,
    offsets: Floats,
    x: Floats,
    values: Floats,
    rows: Ints,
    columns: Ints,
    out: Floats,
    first: Index,
    last: Index,
) -> None:
    """Of one column a row; 0 where it is the row's own."""
    g, h = rows[first:last], columns[first:last]
    distance = poles[g] - poles[h]
    close = np.abs(distance) < TOO_CLOSE * poles[g]
    found = (values[h] - values[g]) / np.where(close, 1.0, distance)
    found[close] = _loewner_sums(poles, origins, offsets, x, g[close], h[close])
    out[first:last] = np.where(g == h, 0.0, found)


def _sums(weights: Floats, delta: Matrix, offset: Floats, above: Matrix) -> tuple[Floats, ...]:
    """Of w/(δ − τ) the sum and the sum of sizes; of w/(δ − τ)² the sums over the poles above and below."""
    inverse = 1.0 / (delta - offset[:, None])
    term = weights * inverse
    slope = term * inverse
    below = 1.0 - above
    positive, negative = np.vecdot(term, above), np.vecdot(term, below)
    return positive + negative, positive - negative, np.vecdot(slope, above), np.vecdot(slope, below)


def _quadratic_step(a: Floats, b: Floats, c: Floats) -> Floats:
    """Solve a η² − b η + c = 0 for the η between the two poles, without cancellation."""
    root = np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))
    negative = np.where(a != 0.0, (b - root) / (2.0 * a), np.inf)
    return np.where(b <= 0.0, negative, 2.0 * c / (b + root))


def _inside(low: Floats, high: Floats) -> Floats:
    """Bisect brackets that do not straddle zero, on a logarithmic scale because offsets may be tiny."""
    middle = np.sign(low) * np.sqrt(np.abs(low)) * np.sqrt(np.abs(high))
    return np.where(low == 0.0, high * 2.0**-10, np.where(high == 0.0, low * 2.0**-10, middle))


def _doubled_residuals(poles: Floats, weights: Floats, tails: Floats, anchor: Ints, offset: Floats) -> Floats:
    """`root_finding.doubled_residual` of many roots."""
    distance, distance_low = two_sum.function(poles, -poles[anchor, None])
    e, e_low = two_sum.function(distance, -offset[:, None])
    q = weights / e
    p, p_low = two_product.function(q, e)
    low = ((((weights - p) - p_low) - q * (e_low + distance_low)) + tails) / e
    # Halves are added to one another, and what rounding takes is gathered.
    while q.shape[1] > 1:
        half = q.shape[1] // 2
        total, lost = two_sum.function(q[:, :half], q[:, half : 2 * half])
        low = np.concatenate([low.sum(axis=1, keepdims=True), lost], axis=1)
        q = np.concatenate([total, q[:, 2 * half :]], axis=1)
    return q[:, 0] + low.sum(axis=1)


def _loewner_sums(poles: Floats, origins: Floats, offsets: Floats, x: Floats, g: Ints, h: Ints) -> Floats:
    """The sums over the roots that divided differences of neighbours stand for."""
    one = (poles[g, None] - origins) - offsets
    return (1.0 / (one * ((poles[h, None] - origins) - offsets))) @ x
