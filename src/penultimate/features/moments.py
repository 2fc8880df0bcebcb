"""Sums of one pass over features, about a shift of each class: means and scatter follow without cancellation.

For the samples x of class k, weights w, and a fixed vector s_k near them,

    weight_k = Σ w,   total_k = Σ w (x − s_k),   square_k = Σ w ‖x − s_k‖²,   moment = Σ_k Σ w (x − s_k)(x − s_k)ᵀ,

    mean_k = s_k + total_k/weight_k,     scatter = moment − Σ_k total_k total_kᵀ/weight_k.

The subtraction loses nothing as long as ``‖mean_k − s_k‖`` is not large against the spread of the class, which `settle`
sees to whenever the samples have doubled: it moves the shifts to the means. (Chan, Golub and LeVeque 1983 compare such
schemes; ``E[xxᵀ] − m mᵀ`` loses everything when features have an offset.) Differences and sums are float64; products of
float16 and float32 features are summed in float32 over a block of rows, then in float64: about 1e-7 of the scatter.
Where their squares would leave the range of float32 the block is scaled by a power of two first, which costs no digit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.arrays import wide_of
from penultimate.features.blocks import CACHED, blocks
from penultimate.features.by_class import ByClass
from penultimate.kernels import SUM_FLAGS, kernel
from penultimate.threads import each, workers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows whose products are summed at once: on 2 cores, d = 512, 1,024 rows take 10 % longer and 8,192 gain nothing.
ROWS = 4096
# Shifts move when the correction for them exceeds this part of the sums, which costs two bits at most.
_EXCESS = 0.25
# Longest rows between which float32 holds the products of a block with all digits that count: 4,096 squares of 2^50 add
# up to 2^112, and what is 2^-20 of 2^-30 still has a square of 2^-100, where the range is 2^-126 to 2^128.
_SAFE = (2.0**-30, 2.0**50)
# A class's first shift is the mean of its first samples, at most so many.
_FIRST = 32


def _add_rows_by_class(
    rows: NDArray[np.floating],
    labels: Ints,
    weights: Floats,
    shift: Floats,
    weight: Floats,
    total: Floats,
    square: Floats,
    out: NDArray[np.floating],
) -> float:
    """`_add_rows` by NumPy, a few rows at a time."""
    longest = 0.0
    for some in blocks(len(rows), rows.shape[1], CACHED):
        own, w = labels[some], weights[some] if weights.size else np.ones(len(labels[some]))
        centred = rows[some] - shift[own]
        lengths = w * np.vecdot(centred, centred)
        by_class = ByClass.of(own)
        total[by_class.classes] += by_class.sums(centred * w[:, None] if weights.size else centred)
        weight += np.bincount(own, w, len(weight))
        square += np.bincount(own, lengths, len(square))
        out[some] = np.sqrt(w)[:, None] * centred if weights.size else centred
        longest = max(longest, float(lengths.max()))
    return float(np.sqrt(longest))


def _add_first_by_class(rows: NDArray[np.floating], labels: Ints, taken: Ints, total: Floats) -> None:
    """`_add_first` by NumPy."""
    first = ByClass.of(labels).places() + taken[labels] < _FIRST
    by_class = ByClass.of(labels[first])
    total[by_class.classes] += by_class.sums(rows[first])
    taken += np.bincount(labels[first], minlength=taken.size)


@kernel(twin=_add_rows_by_class, error_model="numpy", fastmath=SUM_FLAGS)
def _add_rows(
    rows: NDArray[np.floating],
    labels: Ints,
    weights: Floats,
    shift: Floats,
    weight: Floats,
    total: Floats,
    square: Floats,
    out: NDArray[np.floating],
) -> float:
    """Add rows to the sums and write ``√w (x − s)`` into out, whose longest row is returned; no weights mean 1."""
    longest = 0.0
    for i in range(rows.shape[0]):
        k = labels[i]
        w = weights[i] if weights.size else 1.0
        root = np.sqrt(w)
        row, own_shift, own_total, own_out = rows[i], shift[k], total[k], out[i]
        length = 0.0
        for j in range(row.size):
            z = np.float64(row[j]) - own_shift[j]
            own_total[j] += w * z
            own_out[j] = root * z
            length += z * z
        weight[k] += w
        square[k] += w * length
        longest = max(longest, w * length)
    return np.sqrt(longest)


@kernel(twin=_add_first_by_class)
def _add_first(rows: NDArray[np.floating], labels: Ints, taken: Ints, total: Floats) -> None:
    """Sum of the first rows of each class."""
    for i in range(rows.shape[0]):
        k = labels[i]
        if taken[k] < _FIRST:
            taken[k] += 1
            for j in range(rows.shape[1]):
                total[k, j] += rows[i, j]


@dataclass
class Moments:
    """The sums of one pass, added to in place.

    Attributes
    ----------
    weight : ndarray of shape (K,)
    shift, total : ndarray of shape (K, d)
    square : ndarray of shape (K,)
    moment : ndarray of shape (1, d, d), or (K, d, d) for one of each class
    looked_at : float
        Weight of all samples when `settle` was last due.
    """

    weight: Floats
    shift: Floats
    total: Floats
    square: Floats
    moment: Floats
    looked_at: float = 0.0

    @classmethod
    def empty(cls, classes: int, dimension: int, moments: int) -> "Moments":
        """No samples yet."""
        return cls(
            np.zeros(classes),
            np.zeros((classes, dimension)),
            np.zeros((classes, dimension)),
            np.zeros(classes),
            np.zeros((moments, dimension, dimension)),
        )

    @property
    def mean(self) -> Floats:
        """Mean of each class, shape (K, d); NaN without samples. Of what is frozen, no copy, and not to be written."""
        if self.frozen:
            means = self.shift.view()
            means.flags.writeable = False
            return means
        means = self.total / np.where(self.weight > 0, self.weight, np.nan)[:, None]
        means += self.shift
        return means

    @property
    def spread(self) -> Floats:
        """``Σ w ‖x − mean‖²`` of each class, shape (K,); 0 without samples."""
        return np.maximum(self.square - self._excess, 0.0)

    @property
    def frozen(self) -> bool:
        """Whether shifts are the means, to their last digit, and no totals are held; samples can still be added."""
        return self.total.strides[0] == 0

    def freeze(self) -> None:
        """Move every shift to its mean and let go of the totals: half of the memory, where nothing is to be added."""
        self.settle()
        self.shift[self.weight == 0] = np.nan
        self.total = np.broadcast_to(0.0, self.shift.shape)

    def _thaw(self) -> None:
        if self.frozen:
            self.shift, self.total = self.shift.copy(), np.zeros_like(self.shift)

    @property
    def scatter(self) -> Floats:
        """``Σ w (x − mean)(x − mean)ᵀ``, shape as `moment`."""
        if len(self.moment) == 1:
            return self.pooled_scatter[None]
        scaled = self.total / np.sqrt(self._divisor)[:, None]
        return self.moment - scaled[:, :, None] * scaled[:, None, :]

    @property
    def pooled_scatter(self) -> Floats:
        """The sum of all scatters, shape (d, d)."""
        # One product reads all moments at the speed of memory; a sum over the first axis takes half as long again.
        whole = (np.ones(len(self.moment)) @ self.moment.reshape(len(self.moment), -1)).reshape(self.moment.shape[1:])
        if self.frozen:
            return whole
        root = np.sqrt(self._divisor)
        for place in blocks(*self.total.shape):
            scaled = self.total[place] / root[place, None]
            whole -= scaled.T @ scaled
        return whole

    def scatter_along(self, basis: Floats) -> Floats:
        """``B_kᵀ (scatter of class k) B_k`` for bases of shape (K, d, r), where each class has its own moment."""
        scaled = (self.total / np.sqrt(self._divisor)[:, None])[:, None, :] @ basis
        return basis.transpose(0, 2, 1) @ self.moment @ basis - scaled.transpose(0, 2, 1) @ scaled

    @property
    def _divisor(self) -> Floats:
        return np.where(self.weight > 0, self.weight, 1.0)

    @property
    def _excess(self) -> Floats:
        """How much of each square is due to the shift, shape (K,)."""
        return np.einsum("kd,kd->k", self.total, self.total) / self._divisor

    def add(self, features: NDArray[np.floating], labels: Ints, weights: Floats, samples: int) -> None:
        """Add samples that have been checked.

        Parameters
        ----------
        features : ndarray of shape (N, d)
            float16, float32 or float64.
        labels : ndarray of shape (N,)
        weights : ndarray of shape (N,), or (0,) for 1 each
        samples : int
            Of the whole problem up to these: how large it is.
        """
        self._thaw()
        size = {"classes": len(self.weight), "samples": samples}
        self._place_shifts(features, labels, _add_first.at(**size))
        add_rows = _add_rows.at(**size)
        # Sums of other threads have the size of these: with more classes than samples they are not worth it.
        threads = max(1, min(workers(), -(-len(labels) // ROWS))) if len(self.weight) <= len(labels) else 1
        parts = [self] + [self._beside() for _ in range(threads - 1)]

        narrow = np.float64 if features.dtype == np.float64 else np.float32

        def work(thread: int) -> None:
            # One buffer for all blocks: fresh pages for each would take as long as the sums.
            centred = np.empty((min(ROWS, len(labels)), features.shape[1]), dtype=narrow)
            for start in range(thread * ROWS, len(labels), threads * ROWS):
                rows = slice(start, start + ROWS)
                parts[thread]._add_block(add_rows, features[rows], labels[rows], weights[rows], centred)

        each(work, threads)
        for part in parts[1:]:
            for own, other in zip(self._sums, part._sums, strict=True):
                own += other
        self._settle_when_doubled()

    @property
    def _sums(self) -> tuple[Floats, ...]:
        return self.weight, self.total, self.square, self.moment

    def _beside(self) -> "Moments":
        """Sums for another thread, about the same shifts."""
        weight, total, square, moment = map(np.zeros_like, self._sums)
        return Moments(weight, self.shift, total, square, moment)

    def _place_shifts(self, features: NDArray[np.floating], labels: Ints, add_first: Callable[..., None]) -> None:
        wanted = np.where(self.weight == 0, _FIRST, 0)
        found = np.flatnonzero(wanted[labels])
        if found.size == 0:
            return
        taken = np.zeros_like(wanted)
        self.shift[wanted > 0] = 0.0
        for start in range(0, found.size, ROWS):
            rows = found[start : start + ROWS]
            rows = rows[taken[labels[rows]] < _FIRST]
            add_first(wide_of(features[rows]), labels[rows], taken, self.shift)
        self.shift[taken > 0] /= taken[taken > 0, None]

    def _add_block(
        self,
        add_rows: Callable[..., float],
        features: NDArray[np.floating],
        labels: Ints,
        weights: Floats,
        buffer: NDArray[np.floating],
    ) -> None:
        wide = wide_of(features)
        by_class = ByClass.of(labels) if len(self.moment) > 1 else None
        if by_class is not None:  # together, the samples of a class are one product
            order = by_class.order
            wide, labels, weights = wide[order], labels[order], weights[order] if weights.size else weights
        out = buffer[: len(wide)]
        longest = add_rows(wide, labels, weights, self.shift, self.weight, self.total, self.square, out)
        if by_class is None:
            self.moment[0] += _products(out, longest)
            return
        for k, start, size in zip(by_class.classes, by_class.starts, by_class.sizes, strict=True):
            self.moment[k] += _products(out[start : start + size], longest)

    def _settle_when_doubled(self) -> None:
        samples = float(self.weight.sum())
        if samples < 2 * self.looked_at:
            return
        self.looked_at = samples
        if float(self._excess.sum()) > _EXCESS * float(self.square.sum()):
            self.settle()

    def settle(self) -> None:
        """Move every shift to the mean of its class, or next to it: what rounding leaves between stays in the total."""
        if self.frozen:
            return
        self.square[...] = self.spread
        self.moment[...] = self.scatter
        for place in blocks(*self.total.shape):
            self._place(place, self.weight[place], self.total[place] / self._divisor[place, None])

    def merge(self, other: "Moments") -> None:
        """Add the sums of other samples, which may be about other shifts."""
        self._thaw()
        moment, spread = self.scatter + other.scatter, self.spread + other.spread
        for place in blocks(*self.total.shape):
            self._merge(place, other, moment, spread)
        self.moment[...] = moment

    def _merge(self, place: slice, other: "Moments", moment: Floats, spread: Floats) -> None:
        """Merge some classes; what lies between their means is added to moments and spreads."""
        one, two = self.weight[place], other.weight[place]
        both, new = (one > 0) & (two > 0), (one == 0) & (two > 0)
        weight = one + two
        # Of shifts and of what is left to the means, each apart: means themselves are rounded.
        rest = self.total[place] / self._divisor[place, None]
        left = other.total[place] / other._divisor[place, None]
        gap = np.where(both[:, None], (other.shift[place] - self.shift[place]) + (left - rest), 0.0)
        scaled = gap * np.sqrt(np.divide(one * two, weight, out=np.zeros_like(weight), where=both))[:, None]
        spread[place] += np.einsum("kd,kd->k", scaled, scaled)
        if len(moment) == 1:
            moment[0] += scaled.T @ scaled
        else:
            moment[place] += scaled[:, :, None] * scaled[:, None, :]
        self.shift[place][new] = other.shift[place][new]
        rest[new] = left[new]
        gap *= np.divide(two, weight, out=np.zeros_like(weight), where=both)[:, None]
        self.square[place] = spread[place]
        self._place(place, weight, rest + gap)

    def _place(self, place: slice, weight: Floats, rest: Floats) -> None:
        """Put the shifts of some classes where their means are, which lie `rest` from them; squares are about those.

        Of the products of what rounding leaves the scatter takes no note: they are 1e-32 of the squared offset.
        """
        seen = weight > 0
        before = self.shift[place][seen]
        after = before + rest[seen]
        left = rest[seen] - (after - before)
        self.shift[place][seen] = after
        self.weight[place] = weight
        self.total[place] = 0.0
        self.total[place][seen] = left * weight[seen, None]
        self.square[place][seen] += np.einsum("kd,kd->k", left, left) * weight[seen]


def _products(rows: NDArray[np.floating], longest: float) -> NDArray[np.floating]:
    """``rowsᵀ rows``, of rows that are scaled by a power of two where their products leave the range of float32."""
    if rows.dtype == np.float64 or longest == 0.0 or _SAFE[0] <= longest <= _SAFE[1]:
        return rows.T @ rows
    exponent = int(np.frexp(longest)[1])
    scaled = np.ldexp(rows, -exponent)
    return np.ldexp((scaled.T @ scaled).astype(np.float64), 2 * exponent)


def mean_of(means: Float[np.ndarray, "K d"], weights: Float[np.ndarray, " K"]) -> Float[np.ndarray, " d"]:
    """Weighted mean of class means, those without weight left out.

    Parameters
    ----------
    means : ndarray of shape (K, d)
        NaN where there is none.
    weights : ndarray of shape (K,)

    Returns
    -------
    ndarray of shape (d,)
        NaN when nothing has weight.
    """
    seen: NDArray[np.bool_] = weights > 0
    if not seen.any():
        return np.full(int(means.shape[1]), np.nan)
    # About the first mean, so that a common offset does not cost digits.
    origin: NDArray[np.float64] = means[int(np.argmax(seen))]
    share: NDArray[np.float64] = weights / weights[seen].sum()
    off = np.zeros_like(origin)
    for place in blocks(*means.shape):
        known = seen[place]
        rows = means[place] if known.all() else means[place][known]
        off += share[place][known] @ (rows - origin)
    return origin + off
