"""One root of the secular equation, between two neighbouring poles.

In a gap the two sums over the poles above and below are replaced by one pole each that matches value and slope (the
*middle way* of Li, 1993, LAPACK working note 89), and the quadratic that results is solved; a bracket catches steps
that leave the gap. A root whose condition number says that rounding in f has cost it digits gets last Newton steps with
f in doubled precision.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.kernels import SUM_FLAGS, kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = int | np.int64

EPSILON = 2.0**-52
MAX_STEPS = 80
# A condition number of 16 costs four bits: relative errors stay near 1e-15 below it, with room to the promised 1e-12.
ILL_CONDITIONED, SETTLED = 16.0, 2.0**-50
# Below this relative distance of two poles a divided difference has lost ten digits; the sum is formed instead.
TOO_CLOSE = 1e-6
_SPLITTER = 134217729.0  # 2^27 + 1, Veltkamp's constant: halves a 53-bit significand for exact products.


# The subtraction c_g − c_a must not be re-associated, hence it lives in functions that are compiled without SUM_FLAGS.
@kernel(error_model="numpy")
def differences(base: Floats, shift: Floats, origin: float, out: Floats) -> None:
    """Form ``out = (base − origin) + shift``, rounding each operation once."""
    for j in range(base.size):
        out[j] = (base[j] - origin) + shift[j]


@kernel(fastmath=SUM_FLAGS, error_model="numpy")
def _sums(weights: Floats, delta: Floats, offset: float) -> tuple[float, float]:
    """Σ w/(δ − τ) and Σ w/(δ − τ)²; slices are passed, as loops that do not start at 0 are not vectorised."""
    value = 0.0
    slope = 0.0
    for j in range(weights.size):
        inverse = 1.0 / (delta[j] - offset)
        term = weights[j] * inverse
        value += term
        slope += term * inverse
    return value, slope


@kernel(error_model="numpy")
def _quadratic_step(a: float, b: float, c: float) -> float:
    """Solve a η² − b η + c = 0 for the η between the two poles, without cancellation."""
    root = np.sqrt(max(b * b - 4.0 * a * c, 0.0))
    if b <= 0.0:
        return (b - root) / (2.0 * a) if a != 0.0 else np.inf
    return 2.0 * c / (b + root)


@kernel(error_model="numpy")
def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """``a + b``, rounded, and what rounding took (Knuth); of numbers or, uncompiled, of arrays."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@kernel(error_model="numpy")
def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """``a * b``, rounded, and what rounding took (Dekker); of numbers or, uncompiled, of arrays."""
    p = a * b
    t = _SPLITTER * a
    ah = t - (t - a)
    al = a - ah
    t = _SPLITTER * b
    bh = t - (t - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@kernel(error_model="numpy")
def doubled_residual(poles: Floats, weights: Floats, tails: Floats, anchor: Index, offset: float) -> float:
    """F at ``poles[anchor] + offset`` with about 32 digits; ``weights + tails`` are the weights' two halves."""
    high = 0.0
    low = 0.0
    for j in range(poles.size):
        d, d_low = two_sum(poles[j], -poles[anchor])
        e, e_low = two_sum(d, -offset)
        e_low += d_low
        q = weights[j] / e
        p, p_low = two_product(q, e)
        q_low = ((((weights[j] - p) - p_low) - q * e_low) + tails[j]) / e
        high, t = two_sum(high, q)
        low += t + q_low
    return high + low


@kernel(error_model="numpy")
def find_root(
    base: Floats, shift: Floats, weights: Floats, i: Index, delta: Floats
) -> tuple[Index, float, float, float, float]:
    """Find the root between poles i and i + 1 of those at ``base + shift``, which have no shift themselves.

    Returns the index of the nearer pole, the offset from it, the slope of f there, the condition number, and the step
    that would be taken next over the offset.
    """
    gap = base[i] - base[i + 1]
    differences(base, shift, base[i + 1], delta)
    above, _ = _sums(weights[: i + 1], delta[: i + 1], 0.5 * gap)
    below, _ = _sums(weights[i + 1 :], delta[i + 1 :], 0.5 * gap)
    f = above + below
    # f increases through the gap, so a positive value at the midpoint puts the root in the lower half.
    anchor = i + 1 if f >= 0.0 else i
    if anchor == i:
        differences(base, shift, base[i], delta)
        low, high, offset = -0.5 * gap, 0.0, -0.5 * gap
    else:
        low, high, offset = 0.0, 0.5 * gap, 0.5 * gap
    # First step: the two neighbours keep their own weights, all other poles their sum at the midpoint.
    upper, lower = delta[i] - offset, delta[i + 1] - offset
    rest = f - weights[i] / upper - weights[i + 1] / lower
    b = rest * (upper + lower) + weights[i] + weights[i + 1]
    step = _quadratic_step(rest, b, upper * lower * f)
    condition = 0.0
    slope = 1.0
    for _ in range(MAX_STEPS):
        trial = offset + step
        if not low < trial < high:
            trial = _inside(low, high)
        offset = trial
        above, above_slope = _sums(weights[: i + 1], delta[: i + 1], offset)
        below, below_slope = _sums(weights[i + 1 :], delta[i + 1 :], offset)
        f = above + below
        slope = above_slope + below_slope
        size = above - below
        condition = size / (slope * abs(offset))
        if f > 0.0:
            high = offset
        else:
            low = offset
        upper, lower = delta[i] - offset, delta[i + 1] - offset
        a = f - upper * above_slope - lower * below_slope
        b = (upper + lower) * f - upper * lower * slope
        step = _quadratic_step(a, b, upper * lower * f)
        if abs(f) <= 2.0 * EPSILON * size or abs(step) <= EPSILON * abs(offset):
            break
    return anchor, offset, slope, condition, abs(step / offset)


@kernel(error_model="numpy")
def _inside(low: float, high: float) -> float:
    """Bisect a bracket that does not straddle zero, on a logarithmic scale because offsets may be tiny."""
    if low == 0.0:
        return high * 2.0**-10
    if high == 0.0:
        return low * 2.0**-10
    return np.sign(low) * np.sqrt(low * high)
