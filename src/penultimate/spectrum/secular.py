"""Roots of the secular equation and sums over its Cauchy matrix: direct in O(m²) time, or by a tree in O(m) memory.

With poles ``c_1 > … > c_m > 0`` and weights ``w_g > 0``, the equation (docs/theory §3)

    f(λ) = Σ_g w_g / (c_g − λ) = 0

has one root in each gap ``(c_{g+1}, c_g)``. Every quantity built from a root needs the *difference* between it and
some pole, and a root may sit within rounding of its pole; so a root is kept as ``λ_i = c_a + τ_i`` with ``a`` the
nearer pole, and all differences are formed as ``(c_g − c_a) − τ_i``, which loses nothing.

`CauchySystem` is all that the rest of the package uses. Above `DIRECT` poles it goes through `near_linear`, and for few
through `dense`.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int

from penultimate.kernels import SUM_FLAGS, is_small, kernel
from penultimate.spectrum import dense
from penultimate.spectrum.near_linear import tree_roots, tree_sum_over_poles, tree_sum_over_roots
from penultimate.spectrum.root_finding import (
    ILL_CONDITIONED,
    SETTLED,
    TOO_CLOSE,
    Floats,
    Index,
    Ints,
    doubled_residual,
    find_root,
)
from penultimate.threads import over_rows

_SPLITTER = 134217729.0  # 2^27 + 1, Veltkamp's constant
# Poles up to which direct loops are as fast as a tree, or nearly.
DIRECT = 4096


@kernel(twin=dense.roots, error_model="numpy")
def _roots(
    poles: Floats, weights: Floats, tails: Floats, anchors: Ints, offsets: Floats, first: Index, last: Index
) -> None:
    delta, none = np.empty(poles.size), np.zeros(poles.size)
    for i in range(first, last):
        anchor, offset, slope, condition, step = find_root(poles, none, weights, np.int64(i), delta)
        if condition > ILL_CONDITIONED or not step <= SETTLED:
            for _ in range(2):
                offset -= doubled_residual(poles, weights, tails, anchor, offset) / slope
        anchors[i], offsets[i] = anchor, offset


@kernel(fastmath=SUM_FLAGS, error_model="numpy")
def _product_of_ratios(numerator: Floats, denominator: Floats) -> float:
    product = 1.0
    for i in range(numerator.size):
        product *= numerator[i] / denominator[i]
    return product


@kernel(twin=dense.residues, error_model="numpy")
def _residues(poles: Floats, origins: Floats, offsets: Floats, out: Floats, first: Index, last: Index) -> None:
    """p_g = Π_i |λ_i − c_g| / Π_{h≠g} |c_h − c_g|: the weights for which the computed roots are exact, normalised."""
    m = poles.size
    to_roots = np.empty(m)
    to_poles = np.empty(m)
    for g in range(first, last):
        for i in range(m - 1):
            to_roots[i] = (poles[g] - origins[i]) - offsets[i]
        for h in range(m):
            to_poles[h] = poles[h] - poles[g]
        # Root i is paired with the farther pole of its gap, so that no factor exceeds one.
        above = _product_of_ratios(to_roots[:g], to_poles[:g])
        below = _product_of_ratios(to_roots[g : m - 1], to_poles[g + 1 :])
        out[g] = abs(above * below)


@kernel(fastmath=SUM_FLAGS, error_model="numpy")
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
        for g in range(poles.size):
            delta[g] = (poles[g] - origins[i]) - offsets[i]
        out[i] = _weighted_inverse_sum(x, delta, power)


@kernel(error_model="numpy")
def _loewner_entry(
    poles: Floats, origins: Floats, offsets: Floats, x: Floats, values: Floats, g: Index, h: Index
) -> float:
    """Divided difference of `values`; for poles too close for that, the sum over the roots that it stands for."""
    distance = poles[g] - poles[h]
    if abs(distance) >= TOO_CLOSE * poles[g]:
        return (values[h] - values[g]) / distance
    total = 0.0
    for i in range(x.size):
        total += x[i] / (((poles[g] - origins[i]) - offsets[i]) * ((poles[h] - origins[i]) - offsets[i]))
    return total


@kernel(twin=dense.loewner, error_model="numpy")
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
    column_poles, column_values = poles[columns], values[columns]
    for a in range(first, last):
        g = rows[a]
        pole, value = poles[g], values[g]
        # Apart from what is rare, so that it is vectorised.
        for b in range(columns.size):
            out[a, b] = (column_values[b] - value) / (pole - column_poles[b])
        for b in range(columns.size):
            if abs(pole - column_poles[b]) < TOO_CLOSE * pole:
                out[a, b] = _loewner_entry(poles, origins, offsets, x, values, g, columns[b])


@kernel(twin=dense.loewner_pairs, error_model="numpy")
def _loewner_pairs(
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
    for a in range(first, last):
        same = rows[a] == columns[a]
        out[a] = 0.0 if same else _loewner_entry(poles, origins, offsets, x, values, rows[a], columns[a])


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
    weights : ndarray of shape (m,)
        Of the equation.
    """

    poles: Float[np.ndarray, " m"]
    anchor: Int[np.ndarray, " r"]
    offset: Float[np.ndarray, " r"]
    weights: Float[np.ndarray, " m"]

    @classmethod
    def solve(
        cls, poles: Float[np.ndarray, " m"], multiplicity: Float[np.ndarray, " m"], factor: Float[np.ndarray, " m"]
    ) -> "CauchySystem":
        """Find the m − 1 roots for weights ``multiplicity * factor`` (kept apart: their product is used unrounded)."""
        weights, tails = _exact_product(multiplicity, factor)
        if poles.size > DIRECT:
            return cls(poles, *tree_roots(poles, weights, tails), weights)
        anchor = np.empty(max(poles.size - 1, 0), dtype=np.int64)
        offset = np.empty(anchor.size)
        if anchor.size:
            over_rows(
                partial(_roots.at(classes=poles.size), poles, weights, tails, anchor, offset), anchor.size, poles.size
            )
        return cls(poles, anchor, offset, weights)

    @cached_property
    def roots(self) -> Float[np.ndarray, " r"]:
        """λ_i, each rounded once."""
        return self._origins + self.offset

    @cached_property
    def residues(self) -> Float[np.ndarray, " m"]:
        """p_g > 0 with Σ p = 1 and Σ_g p_g/(c_g − λ_i) = 0 for the roots *as computed* (Gu and Eisenstat, 1994).

        Above `DIRECT` poles the weights themselves: the offsets are right to their last digits, so both agree.
        """
        if self.poles.size > DIRECT:
            return self.weights / self.weights.sum()
        out = np.empty(self.poles.size)
        over_rows(
            partial(_residues.at(classes=self.poles.size), self.poles, self._origins, self.offset, out),
            out.size,
            out.size,
        )
        return out / out.sum()

    def differences(self, groups: Int[np.ndarray, " a"], roots: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        """``c_g − λ_i`` for some poles and roots, dense."""
        return (self.poles[groups][:, None] - self._origins[roots]) - self.offset[roots]

    def sum_over_roots(self, x: Float[np.ndarray, " r"], power: int = 1) -> Float[np.ndarray, " m"]:
        """Σ_i x_i / (c_g − λ_i)^power for every pole g; power is 1 or 2."""
        if self.poles.size > DIRECT:
            return tree_sum_over_roots(self.poles, self._origins, self.offset, x, power)
        if is_small(self.poles.size):
            return self._inverse(power) @ x
        out = np.empty(self.poles.size)
        row = partial(_sum_over_roots, self.poles, self._origins, self.offset, np.ascontiguousarray(x), power, out)
        over_rows(row, out.size, self.offset.size)
        return out

    def sum_over_poles(self, x: Float[np.ndarray, " m"], power: int = 1) -> Float[np.ndarray, " r"]:
        """Σ_g x_g / (c_g − λ_i)^power for every root i; power is 1 or 2."""
        if self.poles.size > DIRECT:
            return tree_sum_over_poles(self.poles, self._origins, self.offset, x, power)
        if is_small(self.poles.size):
            return x @ self._inverse(power)
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
        row = partial(
            _loewner.at(classes=self.poles.size),
            self.poles,
            self._origins,
            self.offset,
            np.ascontiguousarray(x),
            values,
            *index,
            out,
        )
        over_rows(row, rows.size, columns.size)
        return out

    def loewner_pairs(
        self,
        x: Float[np.ndarray, " r"],
        values: Float[np.ndarray, " m"],
        rows: Int[np.ndarray, " a"],
        columns: Int[np.ndarray, " a"],
    ) -> Float[np.ndarray, " a"]:
        """The same for one column a row, another pole than the row's: 0 where it is the same."""
        out = np.empty(rows.size)
        index = (rows.astype(np.int64), columns.astype(np.int64))
        x = np.ascontiguousarray(x)
        row = partial(
            _loewner_pairs.at(classes=self.poles.size), self.poles, self._origins, self.offset, x, values, *index, out
        )
        over_rows(row, rows.size, 1)
        return out

    def _inverse(self, power: int) -> Float[np.ndarray, "m r"]:
        """1/(c_g − λ_i)^power of all pairs: for few poles, where sums are products with it."""
        return self._inverses if power == 1 else self._inverses * self._inverses

    @cached_property
    def _inverses(self) -> Float[np.ndarray, "m r"]:
        # Kept: every figure of every weight decay is a sum with it, and of 1,000 poles it takes 8 MB.
        return 1.0 / ((self.poles[:, None] - self._origins) - self.offset)

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
