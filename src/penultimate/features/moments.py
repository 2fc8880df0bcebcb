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
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.arrays import wide_of
from penultimate.features.blocks import over_blocks, sum_over_blocks
from penultimate.features.by_class import ByClass
from penultimate.features.moment_kernels import FIRST, add_first, add_rows, merge_rows, products
from penultimate.threads import at_once, each

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows whose products are summed at once: on 2 cores, d = 512, 1,024 rows take 10 % longer and 8,192 gain nothing.
ROWS = 4096
# A thread that adds some classes of a block has so many rows at least: fewer make slow products.
_LEAST = 1024
# Shifts move when the correction for them exceeds this part of the sums, which costs two bits at most.
_EXCESS = 0.25


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
    settled : bool
        Whether all that is known lies next to its shift, so that nothing is to be taken off the moments.
    """

    weight: Floats
    shift: Floats
    total: Floats
    square: Floats
    moment: Floats
    looked_at: float = 0.0
    settled: bool = False
    _centre: Floats | None = field(default=None, init=False)

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
    def centre(self) -> Floats:
        """Mean of all samples, shape (d,); NaN without samples. Of what is frozen it is found once."""
        if self._centre is None or not self.frozen:
            self._centre = mean_of(self.mean, self.weight)
        return self._centre

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
            self._centre = None

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
        if self.frozen or self.settled:
            return whole
        root = np.sqrt(self._divisor)

        def off(place: slice) -> Floats:
            scaled = self.total[place] / root[place, None]
            return scaled.T @ scaled

        return whole - sum_over_blocks(len(self.total), self.total.shape[1], off)

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
        if self.frozen:
            return np.zeros_like(self.weight)
        return np.vecdot(self.total, self.total) / self._divisor

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
        self.settled = False
        size = {"classes": len(self.weight), "samples": samples}
        loops = add_first.at(**size), add_rows.at(**size)
        if len(self.weight) <= len(labels):
            others = self._add_by_rows(features, labels, weights, *loops)
        else:
            others = self._add_by_classes(features, labels, weights, *loops)
        for part in others:
            for own, other in zip(self._sums, part._sums, strict=True):
                if own is not other:
                    own += other
        self._settle_when_doubled()

    def _add_by_rows(
        self,
        features: NDArray[np.floating],
        labels: Ints,
        weights: Floats,
        add_first: Callable[..., None],
        add_rows: Callable[..., float],
    ) -> list["Moments"]:
        """Add blocks of rows in threads; what the others have added is returned."""
        self._place_shifts(features, labels, add_first)
        threads = at_once(-(-len(labels) // ROWS))
        parts = [self, *(self._beside() for _ in range(threads - 1))]
        starts = [range(thread * ROWS, len(labels), threads * ROWS) for thread in range(threads)]
        each(lambda thread: parts[thread]._add_blocks(features, labels, weights, starts[thread], add_rows), threads)
        return parts[1:]

    def _add_by_classes(
        self,
        features: NDArray[np.floating],
        labels: Ints,
        weights: Floats,
        add_first: Callable[..., None],
        add_rows: Callable[..., float],
    ) -> list["Moments"]:
        """The same where sums of other threads would be larger than the rows: each thread takes some classes."""
        threads = at_once(len(labels) // _LEAST)
        order = np.argsort(labels, kind="stable")
        own = labels[order]
        cuts = np.searchsorted(own, own[np.arange(1, threads) * own.size // threads])
        parts = [self, *(self._of_other_classes() for _ in cuts)]

        def work(thread: int) -> None:
            mine = shares[thread]
            rows, weight = features[mine], weights[mine] if weights.size else weights
            parts[thread]._place_shifts(rows, labels[mine], add_first)
            parts[thread]._add_blocks(rows, labels[mine], weight, range(0, len(mine), ROWS), add_rows)

        shares = np.split(order, cuts)
        each(work, threads)
        return parts[1:]

    def _add_blocks(
        self,
        features: NDArray[np.floating],
        labels: Ints,
        weights: Floats,
        starts: range,
        add_rows: Callable[..., float],
    ) -> None:
        # One buffer for all blocks: fresh pages for each would take as long as the sums.
        narrow = np.float64 if features.dtype == np.float64 else np.float32
        centred = np.empty((min(ROWS, len(labels)), features.shape[1]), dtype=narrow)
        for start in starts:
            rows = slice(start, start + ROWS)
            self._add_block(add_rows, features[rows], labels[rows], weights[rows], centred)

    @property
    def _sums(self) -> tuple[Floats, ...]:
        return self.weight, self.total, self.square, self.moment

    def _beside(self) -> "Moments":
        """Sums for another thread, about the same shifts."""
        weight, total, square, moment = map(np.zeros_like, self._sums)
        return Moments(weight, self.shift, total, square, moment)

    def _of_other_classes(self) -> "Moments":
        """Sums for another thread that adds samples of other classes: nothing but what all classes share is its own."""
        moment = np.zeros_like(self.moment) if len(self.moment) == 1 else self.moment
        return Moments(self.weight, self.shift, self.total, self.square, moment)

    def _place_shifts(self, features: NDArray[np.floating], labels: Ints, add_first: Callable[..., None]) -> None:
        found = np.flatnonzero(self.weight[labels] == 0)
        if found.size == 0:
            return
        taken, new = np.zeros(len(self.weight), dtype=np.int64), np.unique(labels[found])
        self.shift[new] = 0.0
        for start in range(0, found.size, ROWS):
            rows = found[start : start + ROWS]
            rows = rows[taken[labels[rows]] < FIRST]
            add_first(wide_of(features[rows]), labels[rows], taken, self.shift)
        several = new[taken[new] > 1]
        self.shift[several] /= taken[several, None]

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
            self.moment[0] += products(out, longest)
            return
        for k, start, size in zip(by_class.classes, by_class.starts, by_class.sizes, strict=True):
            self.moment[k] += products(out[start : start + size], longest)

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
        divisor = self._divisor

        def place_some(place: slice) -> None:
            self._place(place, self.weight[place], self.total[place] / divisor[place, None])

        over_blocks(len(self.total), self.total.shape[1], place_some)

    def merge(self, other: "Moments") -> None:
        """Add the sums of other samples, which may be about other shifts."""
        self._thaw()
        moment, spread = self.scatter + other.scatter, self.spread + other.spread
        merge = merge_rows.at(classes=len(self.weight))

        def merge_some(place: slice) -> Floats:
            """What lies between the means of some classes is added to spreads, and to their moments or returned."""
            scaled = np.empty(self.total[place].shape)
            both = (*self._of_means(place), *other._of_means(place))
            merge(*both, scaled)
            spread[place] += np.vecdot(scaled, scaled)
            if len(moment) == 1:
                return scaled.T @ scaled
            moment[place] += scaled[:, :, None] * scaled[:, None, :]
            return np.zeros(())

        self.moment[...] = moment + sum_over_blocks(len(self.total), self.total.shape[1], merge_some)
        # Squares are those about the shifts, which rounding leaves next to the means.
        self.square[...] = spread + self._excess

    def _of_means(self, place: slice) -> tuple[Floats, Floats, Floats]:
        return self.weight[place], self.shift[place], self.total[place]

    def _place(self, place: slice, weight: Floats, rest: Floats) -> None:
        """Put the shifts of some classes where their means are, which lie `rest` from them; squares are about those.

        Of the products of what rounding leaves the scatter takes no note: they are 1e-32 of the squared offset.
        """
        before, unseen = self.shift[place], weight == 0
        if unseen.any():
            before[unseen] = rest[unseen] = 0.0
        after = before + rest
        rest -= after - before
        before[...] = after
        self.weight[place] = weight
        self.square[place] += np.vecdot(rest, rest) * weight
        np.multiply(rest, weight[:, None], out=self.total[place])


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

    def off(place: slice) -> Floats:
        known = seen[place]
        rows = means[place] if known.all() else means[place][known]
        return share[place][known] @ (rows - origin)

    return origin + sum_over_blocks(len(means), int(means.shape[1]), off)
