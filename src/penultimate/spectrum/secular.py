"""Roots of the secular equation and sums over its Cauchy matrix, direct: O(m²) time, O(m) memory.

With poles ``c_1 > … > c_m > 0`` and weights ``w_g > 0``, the equation (docs/theory §3)

    f(λ) = Σ_g w_g / (c_g − λ) = 0

has one root in each gap ``(c_{g+1}, c_g)``. Every quantity built from a root needs the *difference* between it and
some pole, and a root may sit within rounding of its pole; so a root is kept as ``λ_i = c_a + τ_i`` with ``a`` the
nearer pole, and all differences are formed as ``(c_g − c_a) − τ_i``, which loses nothing.

In a gap the two sums over the poles above and below are replaced by one pole each that matches value and slope (the
*middle way* of Li, 1993, LAPACK working note 89), and the quadratic that results is solved; a bracket catches steps
that leave the gap. A root whose condition number says that rounding in f has cost it digits gets a last
Newton step with f in doubled precision, so that accuracy does not depend on the counts.

This file is the seam for a near-linear method: `CauchySystem` is all that the rest of the package uses.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.kernels import kernel
from penultimate.threads import over_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = int | np.int64

_EPSILON = 2.0**-52
_MAX_STEPS = 80
# A condition number of 16 costs four bits: relative errors stay near 1e-15 below it, with room to the promised 1e-12.
_ILL_CONDITIONED = 16.0
# Below this relative distance of two poles a divided difference has lost ten digits; the sum is formed instead.
_TOO_CLOSE = 1e-6
_SPLITTER = 134217729.0  # 2^27 + 1, Veltkamp's constant: halves a 53-bit significand for exact products.

# Sums may be re-associated (and so vectorised); the subtraction c_g − c_a must not, hence it lives in functions
# that are compiled without these flags.
_SUM_FLAGS = {"reassoc", "contract", "nsz"}


@kernel(error_model="numpy")
def _differences(values: Floats, origin: float, shift: float, out: Floats) -> None:
    """Form ``out = (values − origin) − shift``, rounding each subtraction once."""
    for j in range(values.size):
        out[j] = (values[j] - origin) - shift


@kernel(fastmath=_SUM_FLAGS, error_model="numpy")
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
def _two_sum(a: float, b: float) -> tuple[float, float]:
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@kernel(error_model="numpy")
def _two_product(a: float, b: float) -> tuple[float, float]:
    p = a * b
    t = _SPLITTER * a
    ah = t - (t - a)
    al = a - ah
    t = _SPLITTER * b
    bh = t - (t - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@kernel(error_model="numpy")
def _doubled_residual(poles: Floats, weights: Floats, tails: Floats, anchor: Index, offset: float) -> float:
    """F at ``poles[anchor] + offset`` with about 32 digits; ``weights + tails`` are the weights' two halves."""
    high = 0.0
    low = 0.0
    for j in range(poles.size):
        d, d_low = _two_sum(poles[j], -poles[anchor])
        e, e_low = _two_sum(d, -offset)
        e_low += d_low
        q = weights[j] / e
        p, p_low = _two_product(q, e)
        q_low = ((((weights[j] - p) - p_low) - q * e_low) + tails[j]) / e
        high, t = _two_sum(high, q)
        low += t + q_low
    return high + low


@kernel(error_model="numpy")
def _root(poles: Floats, weights: Floats, tails: Floats, i: Index, delta: Floats) -> tuple[Index, float]:
    """Find the root between ``poles[i]`` and ``poles[i + 1]``: the index of its nearer pole and its offset from it."""
    gap = poles[i] - poles[i + 1]
    _differences(poles, poles[i + 1], 0.0, delta)
    above, _ = _sums(weights[: i + 1], delta[: i + 1], 0.5 * gap)
    below, _ = _sums(weights[i + 1 :], delta[i + 1 :], 0.5 * gap)
    f = above + below
    # f increases through the gap, so a positive value at the midpoint puts the root in the lower half.
    anchor = i + 1 if f >= 0.0 else i
    if anchor == i:
        _differences(poles, poles[i], 0.0, delta)
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
    for _ in range(_MAX_STEPS):
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
        if abs(f) <= 2.0 * _EPSILON * size or abs(step) <= _EPSILON * abs(offset):
            break
    if condition > _ILL_CONDITIONED or not abs(step) <= 4.0 * _EPSILON * abs(offset):
        for _ in range(2):
            offset -= _doubled_residual(poles, weights, tails, anchor, offset) / slope
    return anchor, offset


@kernel(error_model="numpy")
def _inside(low: float, high: float) -> float:
    """Bisect a bracket that does not straddle zero, on a logarithmic scale because offsets may be tiny."""
    if low == 0.0:
        return high * 2.0**-10
    if high == 0.0:
        return low * 2.0**-10
    return np.sign(low) * np.sqrt(low * high)


@kernel(error_model="numpy")
def _roots(
    poles: Floats, weights: Floats, tails: Floats, anchors: Ints, offsets: Floats, first: Index, last: Index
) -> None:
    delta = np.empty(poles.size)
    for i in range(first, last):
        anchors[i], offsets[i] = _root(poles, weights, tails, np.int64(i), delta)


@kernel(fastmath=_SUM_FLAGS, error_model="numpy")
def _product_of_ratios(numerator: Floats, denominator: Floats) -> float:
    product = 1.0
    for i in range(numerator.size):
        product *= numerator[i] / denominator[i]
    return product


@kernel(error_model="numpy")
def _residues(poles: Floats, origins: Floats, offsets: Floats, out: Floats, first: Index, last: Index) -> None:
    """p_g = Π_i |λ_i − c_g| / Π_{h≠g} |c_h − c_g|: the weights for which the computed roots are exact, normalised."""
    m = poles.size
    to_roots = np.empty(m)
    to_poles = np.empty(m)
    for g in range(first, last):
        for i in range(m - 1):
            to_roots[i] = (poles[g] - origins[i]) - offsets[i]
        _differences(poles, poles[g], 0.0, to_poles)
        # Root i is paired with the farther pole of its gap, so that no factor exceeds one.
        above = _product_of_ratios(to_roots[:g], to_poles[:g])
        below = _product_of_ratios(to_roots[g : m - 1], to_poles[g + 1 :])
        out[g] = abs(above * below)


@kernel(fastmath=_SUM_FLAGS, error_model="numpy")
def _weighted_inverse_sum(x: Floats, delta: Floats, power: int) -> float:
    total = 0.0
    if power == 1:
        for j in range(x.size):
            total += x[j] / delta[j]
    else:
        for j in range(x.size):
            inverse = 1.0 / delta[j]
            total += x[j] * inverse * inverse
    return total


@kernel(error_model="numpy")
def _sum_over_roots(
    poles: Floats, origins: Floats, offsets: Floats, x: Floats, power: int, out: Floats, first: Index, last: Index
) -> None:
    delta = np.empty(offsets.size)
    for g in range(first, last):
        for i in range(offsets.size):
            delta[i] = (poles[g] - origins[i]) - offsets[i]
        out[g] = _weighted_inverse_sum(x, delta, power)


@kernel(error_model="numpy")
def _sum_over_poles(
    poles: Floats, origins: Floats, offsets: Floats, x: Floats, power: int, out: Floats, first: Index, last: Index
) -> None:
    delta = np.empty(poles.size)
    for i in range(first, last):
        _differences(poles, origins[i], offsets[i], delta)
        out[i] = _weighted_inverse_sum(x, delta, power)


@kernel(error_model="numpy")
def _loewner(
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
    """Divided differences of `values`; for poles too close for that, the sum over the roots that they stand for."""
    for a in range(first, last):
        g = rows[a]
        for b in range(columns.size):
            h = columns[b]
            distance = poles[g] - poles[h]
            if abs(distance) >= _TOO_CLOSE * poles[g]:
                out[a, b] = (values[h] - values[g]) / distance
            else:
                total = 0.0
                for i in range(x.size):
                    ours = (poles[g] - origins[i]) - offsets[i]
                    theirs = (poles[h] - origins[i]) - offsets[i]
                    total += x[i] / (ours * theirs)
                out[a, b] = total


@dataclass(frozen=True)
class CauchySystem:
    """Poles, roots and residues of one secular equation, with products by its Cauchy matrix ``1/(c_g − λ_i)``.

    Attributes
    ----------
    poles : ndarray of shape (m,)
        ``c_1 > … > c_m > 0``.
    anchor : ndarray of shape (m − 1,)
        Index of the pole nearer to each root.
    offset : ndarray of shape (m − 1,)
        ``τ_i``, so that ``λ_i = poles[anchor] + offset``; relative error about 1e-15.
    """

    poles: Float[np.ndarray, " m"]
    anchor: Int[np.ndarray, " r"]
    offset: Float[np.ndarray, " r"]

    @classmethod
    def solve(
        cls, poles: Float[np.ndarray, " m"], multiplicity: Float[np.ndarray, " m"], factor: Float[np.ndarray, " m"]
    ) -> "CauchySystem":
        """Find the m − 1 roots for weights ``multiplicity * factor`` (kept apart: their product is used unrounded)."""
        anchor = np.empty(max(poles.size - 1, 0), dtype=np.int64)
        offset = np.empty(anchor.size)
        if anchor.size:
            weights, tails = _exact_product(multiplicity, factor)
            over_rows(partial(_roots, poles, weights, tails, anchor, offset), anchor.size, poles.size)
        return cls(poles, anchor, offset)

    @cached_property
    def roots(self) -> Float[np.ndarray, " r"]:
        """λ_i, each rounded once."""
        return self._origins + self.offset

    @cached_property
    def residues(self) -> Float[np.ndarray, " m"]:
        """p_g > 0 with Σ p = 1 and Σ_g p_g/(c_g − λ_i) = 0 for the roots *as computed* (Gu and Eisenstat, 1994)."""
        out = np.empty(self.poles.size)
        over_rows(partial(_residues, self.poles, self._origins, self.offset, out), out.size, out.size)
        return out / out.sum()

    def differences(self, groups: Int[np.ndarray, " a"], roots: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        """``c_g − λ_i`` for some poles and roots, dense."""
        return (self.poles[groups][:, None] - self._origins[roots]) - self.offset[roots]

    def sum_over_roots(self, x: Float[np.ndarray, " r"], power: int = 1) -> Float[np.ndarray, " m"]:
        """Σ_i x_i / (c_g − λ_i)^power for every pole g; power is 1 or 2."""
        out = np.empty(self.poles.size)
        row = partial(_sum_over_roots, self.poles, self._origins, self.offset, np.ascontiguousarray(x), power, out)
        over_rows(row, out.size, self.offset.size)
        return out

    def sum_over_poles(self, x: Float[np.ndarray, " m"], power: int = 1) -> Float[np.ndarray, " r"]:
        """Σ_g x_g / (c_g − λ_i)^power for every root i; power is 1 or 2."""
        out = np.empty(self.offset.size)
        row = partial(_sum_over_poles, self.poles, self._origins, self.offset, np.ascontiguousarray(x), power, out)
        over_rows(row, out.size, self.poles.size)
        return out

    def loewner(
        self,
        x: Float[np.ndarray, " r"],
        values: Float[np.ndarray, " m"],
        rows: Int[np.ndarray, " a"],
        columns: Int[np.ndarray, " b"],
    ) -> Float[np.ndarray, "a b"]:
        """Σ_i x_i / ((c_g − λ_i)(c_h − λ_i)) for some pairs of poles, from ``values = sum_over_roots(x)``."""
        out = np.empty((rows.size, columns.size))
        index = (rows.astype(np.int64), columns.astype(np.int64))
        row = partial(_loewner, self.poles, self._origins, self.offset, np.ascontiguousarray(x), values, *index, out)
        over_rows(row, rows.size, columns.size)
        return out

    @cached_property
    def _origins(self) -> Float[np.ndarray, " r"]:
        return self.poles[self.anchor]


def _exact_product(
    a: Float[np.ndarray, " m"], b: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """``a * b`` as its rounded value and the rounding error (Dekker's product)."""
    product = a * b
    scaled_a, scaled_b = _SPLITTER * a, _SPLITTER * b
    a_high = scaled_a - (scaled_a - a)
    b_high = scaled_b - (scaled_b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
