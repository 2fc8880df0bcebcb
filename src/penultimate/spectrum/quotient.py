"""The m × m part of a K × K matrix that treats classes of equal count alike.

Classes with the same count are interchangeable, so every matrix of the theory splits (docs/theory §3): inside group g
it is a multiple of the identity on the vectors that sum to zero, and on the vectors constant on each group, with the
orthonormal coordinates ``1_g/√s_g``, it is an m × m *quotient*. This file holds the singular value decomposition of
such a quotient, and the products ``Σ_i φ_i a_i b_iᵀ`` of its vectors, without an m × m array where the structure
allows.

For the centred label matrix the vectors are Cauchy-like, ``V_gi = √p_g / ((c_g − λ_i) ν_i)``, so every such product is
a *Loewner matrix*: one function r, sampled at the counts, gives all its entries as divided differences,

    Σ_i φ_i V_gi V_hi = √(p_g p_h) (r_h − r_g)/(c_g − c_h),     r_g = Σ_i (φ_i/ν_i²) / (c_g − λ_i),

each entry costs O(1) after one product with the Cauchy matrix. (Derived for this project.)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from penultimate.spectrum.secular import DIRECT, CauchySystem

# Columns evenly by rank, and as many evenly by log count, from which the largest entries of many rows are looked for.
_RIVALS = 64

Side = Literal["left", "right"]


def shared(
    rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]
) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " c"]]:
    """Where indices of rows and of columns, each all different, name the same: places among both."""
    order = np.argsort(columns, kind="stable")
    place: Int[np.ndarray, " a"] = order[np.minimum(np.searchsorted(columns, rows, sorter=order), columns.size - 1)]
    same: Int[np.ndarray, " c"] = np.flatnonzero(columns[place] == rows)
    return same, place[same]


@runtime_checkable
class Gram(Protocol):
    """An m × m matrix ``Σ_i φ_i a_i b_iᵀ`` of which any entry can be had on request."""

    @property
    def diagonal(self) -> Float[np.ndarray, " m"]:
        """Its diagonal."""
        ...

    def block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        """Its entries for some rows and columns, dense."""
        ...

    @property
    def transposed(self) -> "Gram":
        """The same with rows and columns exchanged."""
        ...

    @property
    def rivals(self) -> Int[np.ndarray, " e"]:
        """Columns among which the largest entry of every row is looked for: all of them, or those that can hold it."""
        ...

    @property
    def searched(self) -> bool:
        """Whether `rivals` are only where to begin: entries change smoothly from column to column between them."""
        ...

    def pairs(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        """One entry a row, off the diagonal; on it they say nothing."""
        ...


@runtime_checkable
class Quotient(Protocol):
    """The singular value decomposition of an m × m quotient, largest singular value first."""

    @property
    def sigma(self) -> Float[np.ndarray, " q"]:
        """The q singular values that are not zero."""
        ...

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "m b"]:
        """Some of its left or right singular vectors, dense."""
        ...

    def gram(self, values: Float[np.ndarray, " q"], rows: Side, columns: Side) -> Gram:
        """``Σ_i values_i a_i b_iᵀ`` with a and b the left or right singular vectors."""
        ...

    def apply(self, side: Side, x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " m"]:
        """``Σ_i x_i a_i`` with a the left or right singular vectors."""
        ...

    def apply_transpose(self, side: Side, y: Float[np.ndarray, " m"]) -> Float[np.ndarray, " q"]:
        """``⟨a_i, y⟩`` for every left or right singular vector."""
        ...


@dataclass(frozen=True)
class DenseGram:
    """A Gram matrix held as an array."""

    array: Float[np.ndarray, "m m"]

    @property
    def diagonal(self) -> Float[np.ndarray, " m"]:
        return np.diagonal(self.array)

    def block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        return self.array[np.ix_(rows, columns)]

    @property
    def transposed(self) -> "DenseGram":
        return DenseGram(self.array.T)

    @property
    def rivals(self) -> Int[np.ndarray, " m"]:
        return np.arange(len(self.array))

    @property
    def searched(self) -> bool:
        return False

    def pairs(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        return self.array[rows, columns]


@dataclass(frozen=True)
class DiagonalGram:
    """A Gram matrix of orthogonal vectors."""

    diagonal: Float[np.ndarray, " m"]

    def block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        return np.where(rows[:, None] == columns, self.diagonal[rows][:, None], 0.0)

    @property
    def transposed(self) -> "DiagonalGram":
        return self

    @property
    def rivals(self) -> Int[np.ndarray, " m"]:
        return np.arange(self.diagonal.size)

    @property
    def searched(self) -> bool:
        return False

    def pairs(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        return np.where(rows == columns, self.diagonal[rows], 0.0)


@dataclass(frozen=True)
class LoewnerGram:
    """``row_scale_g column_scale_h Σ_i weights_i / ((c_g − λ_i)(c_h − λ_i))``."""

    system: CauchySystem
    weights: Float[np.ndarray, " q"]
    row_scale: Float[np.ndarray, " m"]
    column_scale: Float[np.ndarray, " m"]

    @property
    def diagonal(self) -> Float[np.ndarray, " m"]:
        return self.row_scale * self.column_scale * self._slope

    def block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        out = self.system.loewner(self.weights, self._values, rows, columns)
        out *= self.row_scale[rows][:, None]
        out *= self.column_scale[columns]
        return out

    @property
    def transposed(self) -> "LoewnerGram":
        return LoewnerGram(self.system, self.weights, self.column_scale, self.row_scale)

    @property
    def rivals(self) -> Int[np.ndarray, " e"]:
        m = self.row_scale.size
        if not self.searched:
            return np.arange(m)
        poles = self.system.poles
        by_rank = np.linspace(0, m - 1, _RIVALS).astype(np.int64)
        by_count = np.searchsorted(-poles, -np.geomspace(float(poles[0]), float(poles[-1]), _RIVALS))
        # Where directions begin to die entries have an edge, on either side of which they fall off.
        edge = np.count_nonzero(self.weights)
        step = np.append(np.arange(_RIVALS // 2), 2 ** np.arange(np.log2(_RIVALS) - 1, np.log2(m), dtype=np.int64))
        near = np.concatenate([by_rank, by_count, edge - step, edge + step])
        return np.unique(np.clip(near, 0, m - 1))

    @property
    def searched(self) -> bool:
        return self.row_scale.size > DIRECT

    def pairs(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        entries = self.system.loewner_pairs(self.weights, self._values, rows, columns)
        return entries * self.row_scale[rows] * self.column_scale[columns]

    @cached_property
    def _values(self) -> Float[np.ndarray, " m"]:
        return self.system.sum_over_roots(self.weights)

    @cached_property
    def _slope(self) -> Float[np.ndarray, " m"]:
        return self.system.sum_over_roots(self.weights, power=2)


@dataclass(frozen=True)
class CauchyQuotient:
    """Quotient of ``D (I − v vᵀ)`` (or, transposed, of ``(I − v vᵀ) D``) with a unit vector v constant on groups.

    Attributes
    ----------
    system : CauchySystem
        Poles ``c_g`` and roots λ_i for the weights ``v_g²``.
    centred : {"right", "left"}
        The side that v is orthogonal to: "right" for the label matrix Ŷ, "left" for SELI's ``(I − 11ᵀ/K) D``.
    """

    system: CauchySystem
    centred: Side = "right"

    @property
    def sigma(self) -> Float[np.ndarray, " q"]:
        return np.sqrt(self.system.roots)

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "m b"]:
        differences = self.system.differences(np.arange(self.system.poles.size), columns)
        vectors = self._scale(side)[:, None] / differences / self._norm[columns]
        return vectors if side == self.centred else vectors / self.sigma[columns]

    def gram(self, values: Float[np.ndarray, " q"], rows: Side, columns: Side) -> LoewnerGram:
        weights = values / self._norm**2
        for side in (rows, columns):
            if side != self.centred:
                weights = weights / self.sigma
        return LoewnerGram(self.system, weights, self._scale(rows), self._scale(columns))

    def apply(self, side: Side, x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " m"]:
        x = x / self._norm if side == self.centred else x / (self._norm * self.sigma)
        return self._scale(side) * self.system.sum_over_roots(x)

    def apply_transpose(self, side: Side, y: Float[np.ndarray, " m"]) -> Float[np.ndarray, " q"]:
        x = self.system.sum_over_poles(self._scale(side) * y) / self._norm
        return x if side == self.centred else x / self.sigma

    def _scale(self, side: Side) -> Float[np.ndarray, " m"]:
        residues = self.system.residues
        return np.sqrt(residues if side == self.centred else residues * self.system.poles)

    @cached_property
    def _norm(self) -> Float[np.ndarray, " q"]:
        """ν_i, the norm of the vector ``√p_g / (c_g − λ_i)``."""
        return np.sqrt(self.system.sum_over_poles(self.system.residues, power=2))


@dataclass(frozen=True)
class DiagonalQuotient:
    """Quotient of a diagonal matrix: left and right vectors are the coordinates themselves."""

    sigma: Float[np.ndarray, " m"]

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "m b"]:
        return (np.arange(self.sigma.size)[:, None] == columns).astype(float)

    def gram(self, values: Float[np.ndarray, " m"], rows: Side, columns: Side) -> DiagonalGram:
        return DiagonalGram(values)

    def apply(self, side: Side, x: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return x

    def apply_transpose(self, side: Side, y: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return y


@dataclass(frozen=True)
class DenseQuotient:
    """Quotient whose singular vectors are held as arrays."""

    left: Float[np.ndarray, "m q"]
    sigma: Float[np.ndarray, " q"]
    right: Float[np.ndarray, "m q"]

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "m b"]:
        return (self.left if side == "left" else self.right)[:, columns]

    def gram(self, values: Float[np.ndarray, " q"], rows: Side, columns: Side) -> DenseGram:
        every = np.arange(self.sigma.size)
        return DenseGram((self.vectors(rows, every) * values) @ self.vectors(columns, every).T)

    def apply(self, side: Side, x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " m"]:
        return (self.left if side == "left" else self.right) @ x

    def apply_transpose(self, side: Side, y: Float[np.ndarray, " m"]) -> Float[np.ndarray, " q"]:
        return (self.left if side == "left" else self.right).T @ y
