"""The m × m quotient of a matrix that treats groups of nearly equal count alike, in O(m + G²) memory.

What `GroupedSVD` is for classes of equal count this is for groups in a bin. A bin of r groups has r − 1 directions
*between* its groups, with one left and right vector, and G mixed directions come from a dense G × G quotient. Between
groups the Helmert basis is used, weighted by the sizes of the groups: vector i is ``√s_h`` on the groups h before
group i, and minus what makes it orthogonal to the bin's mean on i.

Strengths differ within a bin, smoothly, and so do entries of Gram matrices: row and column g are scaled by the root of
the strength at group g over its bin's mean, and where the bin is dead as the caller says. That is exact to first order
in the width of bins.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.spectrum.quotient import DenseQuotient, Side, shared


@dataclass(frozen=True)
class BinnedQuotient:
    """Singular value decomposition on m groups from one on their G bins; mixed directions first, then those between.

    Attributes
    ----------
    mixed : DenseQuotient
        Of the bins.
    of : ndarray of int of shape (m,)
        The bin of each group.
    size : ndarray of shape (m,)
        Classes of each group.
    position : ndarray of shape (m,)
        A coordinate along which strengths are smooth: the logarithm of what decides about a group.
    level : ndarray of shape (m,)
        Singular value of the directions between each group and those before it in its bin.
    left, right : ndarray of shape (m,)
        How entries of vectors differ within a bin that has no strength between its groups; each bin's mean is 1.
    """

    mixed: DenseQuotient
    of: Int[np.ndarray, " m"]
    size: Float[np.ndarray, " m"]
    position: Float[np.ndarray, " m"]
    level: Float[np.ndarray, " m"]
    left: Float[np.ndarray, " m"]
    right: Float[np.ndarray, " m"]

    @property
    def sigma(self) -> Float[np.ndarray, " q"]:
        return np.concatenate([self.mixed.sigma, self.level[self._later]])

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "m b"]:
        x = np.zeros(self.sigma.size)
        out = np.empty((self.of.size, columns.size))
        for place, column in enumerate(columns.tolist()):
            x[column] = 1.0
            out[:, place] = self.apply(side, x)
            x[column] = 0.0
        return out

    def gram(self, values: Float[np.ndarray, " q"], rows: Side, columns: Side) -> "BinnedGram":
        mixed, between = np.split(values, [self.mixed.sigma.size])
        mean = np.bincount(self.of[self._later], between, minlength=self._whole.size)
        mean /= np.maximum(np.bincount(self.of[self._later], minlength=self._whole.size), 1)
        alive = mean[self.of] > 0.0
        scale = np.ones(self.of.size)
        positive = np.flatnonzero(between > 0.0)
        if positive.size:
            positive = positive[np.argsort(self._between_position[positive], kind="stable")]
            smooth = np.interp(self.position, self._between_position[positive], between[positive])
            scale[alive] = np.sqrt(smooth[alive] / mean[self.of[alive]])
        quotient = self.mixed.gram(mixed, rows, columns).array
        root = np.sqrt(self.size / self._whole[self.of])
        row, column = (root * np.where(alive, scale, self._tilt(side)) for side in (rows, columns))
        return BinnedGram(quotient, self.of, mean, scale**2, row, column, self._ends)

    def apply(self, side: Side, x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " m"]:
        mixed, between = np.split(x, [self.mixed.sigma.size])
        order, whole = self._order, self._before + self._ordered_size
        ahead, itself = np.zeros(order.size), np.zeros(order.size)
        later = self._before > 0.0
        ahead[later] = between * np.sqrt(self._ordered_size / (np.maximum(self._before, 1.0) * whole))[later]
        itself[later] = between * np.sqrt(self._before / whole)[later]
        # Sums over later groups of the same bin.
        total = np.append(np.cumsum(ahead[::-1])[::-1], 0.0)
        rest = total[1:] - total[self._end]
        out = np.sqrt(self.size / self._whole[self.of]) * self.mixed.apply(side, mixed)[self.of]
        out[order] += np.sqrt(self._ordered_size) * rest - itself
        return out

    def apply_transpose(self, side: Side, y: Float[np.ndarray, " m"]) -> Float[np.ndarray, " q"]:
        order, whole = self._order, self._before + self._ordered_size
        sums = np.bincount(self.of, y * np.sqrt(self.size / self._whole[self.of]), minlength=self._whole.size)
        root = np.sqrt(self._ordered_size)
        total = np.append(0.0, np.cumsum(root * y[order]))
        before = total[:-1] - total[self._start]
        later = self._before > 0.0
        ahead = before * np.sqrt(self._ordered_size / (np.maximum(self._before, 1.0) * whole))
        between = ahead - y[order] * np.sqrt(self._before / whole)
        return np.concatenate([self.mixed.apply_transpose(side, sums), between[later]])

    def _tilt(self, side: Side) -> Float[np.ndarray, " m"]:
        return self.left if side == "left" else self.right

    @cached_property
    def _whole(self) -> Float[np.ndarray, " G"]:
        """Classes of each bin."""
        return np.bincount(self.of, self.size, minlength=self.mixed.left.shape[0])

    @cached_property
    def _order(self) -> Int[np.ndarray, " m"]:
        """Groups, bin by bin."""
        return np.argsort(self.of, kind="stable")

    @property
    def _ordered_size(self) -> Float[np.ndarray, " m"]:
        return self.size[self._order]

    @cached_property
    def _bounds(self) -> Int[np.ndarray, " G1"]:
        return np.append(0, np.cumsum(np.bincount(self.of, minlength=self._whole.size)))

    @property
    def _start(self) -> Int[np.ndarray, " m"]:
        return self._bounds[:-1][self.of[self._order]]

    @property
    def _end(self) -> Int[np.ndarray, " m"]:
        return self._bounds[1:][self.of[self._order]]

    @cached_property
    def _before(self) -> Float[np.ndarray, " m"]:
        """Classes of the same bin before each group, in order; 0 for the first."""
        total = np.append(0.0, np.cumsum(self._ordered_size))
        return total[:-1] - total[self._start]

    @cached_property
    def _later(self) -> Int[np.ndarray, " p"]:
        """The groups that are not the first of their bin, in order."""
        return self._order[self._before > 0.0]

    @cached_property
    def _between_position(self) -> Float[np.ndarray, " p"]:
        """Halfway to the group before, where a direction between both lies."""
        places = np.flatnonzero(self._before > 0.0)
        return (self.position[self._order[places]] + self.position[self._order[places - 1]]) / 2.0

    @cached_property
    def _ends(self) -> Int[np.ndarray, " e"]:
        """The first and the last group of each bin: entries change with the count, so the largest are at its ends."""
        return np.unique(self._order[np.concatenate([self._bounds[:-1], self._bounds[1:] - 1])])


@dataclass(frozen=True)
class BinnedGram:
    """``B_bc row_g column_h  +  inside_b (level_g δ_gh − row_g column_h) [b = c]`` for groups g, h of bins b, c."""

    array: Float[np.ndarray, "G G"]
    of: Int[np.ndarray, " m"]
    inside: Float[np.ndarray, " G"]
    level: Float[np.ndarray, " m"]
    row: Float[np.ndarray, " m"]
    column: Float[np.ndarray, " m"]
    rivals: Int[np.ndarray, " e"]

    @property
    def diagonal(self) -> Float[np.ndarray, " m"]:
        inside = self.inside[self.of]
        return inside * self.level + (np.diagonal(self.array)[self.of] - inside) * self.row * self.column

    def block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        # Rows of one bin are multiples of one another.
        bins, place = np.unique(self.of[rows], return_inverse=True)
        per_bin = (self.array - np.diag(self.inside))[np.ix_(bins, self.of[columns])] * self.column[columns]
        out = per_bin[place] * self.row[rows][:, None]
        row, column = shared(rows, columns)
        out[row, column] += self.inside[self.of[rows[row]]] * self.level[rows[row]]
        return out

    @property
    def searched(self) -> bool:
        return False

    def pairs(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        row, column = self.of[rows], self.of[columns]
        inside = self.inside[row] * (row == column)
        out = (self.array[row, column] - inside) * self.row[rows] * self.column[columns]
        return out + np.where(rows == columns, inside * self.level[rows], 0.0)

    @property
    def transposed(self) -> "BinnedGram":
        return BinnedGram(self.array.T, self.of, self.inside, self.level, self.column, self.row, self.rivals)
