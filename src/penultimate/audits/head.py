"""A head without features, as published checkpoints have it, against the forecast for its class counts.

The minimiser's head is ``W = U diag(w) Rᵀ`` along the directions of the label matrix (docs/theory §4). Three things can
be tested on W alone: its singular values, whether the rows of P = UᵀW are orthogonal, and the lengths of its rows.

*Centring.* Ŷ = (I − n1ᵀ/N) D has columns that sum to zero, so U spans the complement of 1 and the rows of a minimiser
with a free bias sum to zero: the plain mean row, not one weighted by counts, is what the model has no use for. Softmax
cannot see it either (with scales Δ, what it cannot see is a shift of the logits by 1/Δ). It is taken off, and its share
is reported: weight decay alone shrinks it. Without a bias squared error has D itself for label matrix, U is the
identity, and nothing is taken off; a softmax sees no shift with or without one.

*Scale.* For one layer ``w_i² = x_i √(λ_H/λ_W)``: the feature decay λ_H, which nobody sets, scales all w_i alike. So W
tells their shape, and the scale only together with features (`penultimate.audit`). Where head and means are not
parallel, which W does not show, its scale overstates λ_H. Whatever the loss, this is its calibration by norms.

*Bias.* Squared error makes ``b + W h_G = n/N``, with the features' mean h_G unknown here. As the rows sum to zero, what
is left to test is that the biases add up to 1. A softmax does not see their sum.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.audits.alignment import leading_directions, off_share
from penultimate.audits.head_rows import HeadRows, Neighbours
from penultimate.audits.shape import Shape
from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.metrics.frames import norm_slope
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import forecast
from penultimate.losses import resolve, unseen_shift
from penultimate.model.problem import Problem
from penultimate.reported import Reported

# A row, or a direction, is next to nothing below this part of the typical row, or of the strongest direction.
_SHORT = 0.01
_LEADING = 64


@dataclass(frozen=True, eq=False, repr=False)
class HeadAudit(Reported, presenter="head_audit"):
    """What the rows of a head tell about its classes.

    Made by `audit_head`, of a head of at most d + 1 classes or one that squared error trained. Arrays over directions
    hold one entry for each distinct σ of the label matrix, arrays over classes one for each class.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class in training.
    head : Head
        The linear layers and the bias.
    forecast : Forecast
        For these counts and decays.
    rows : HeadRows
        Rows of classes with training samples, centred where there is a bias.
    every : HeadRows
        Those of classes without samples too, less the same mean: what never was trained shows among them.
    neighbours : Neighbours
        Which rows lie nearest to which, and which merged.
    merged_at : float
        Cosine from which on rows count as merged.
    multiplicity : ndarray of shape (t,)
        Directions that share each σ, as far as they were looked at.
    direction_norm : ndarray of shape (t,)
        Root mean square of ‖p_i‖, rows of P = UᵀW.
    off_diagonal_share : float
        ``‖PPᵀ − diag‖_F / ‖PPᵀ‖_F`` of the directions looked at; the model has 0.
    leading : ndarray of shape (r, d)
        The leading rows of P, at most 64.
    notes : tuple of str
        What was taken of the order of the classes.

    Examples
    --------
    >>> import penultimate as pen
    >>> audit = pen.audit_head("cnn-mse", pen.datasets.counts("fashion-mnist-lt"))
    >>> round(audit.off_diagonal_share, 2), round(audit.along.error, 2), round(audit.bias_sum, 2)
    (0.21, 0.11, 0.96)
    """

    counts: ClassCounts
    head: Head
    forecast: Forecast
    rows: HeadRows
    every: HeadRows
    neighbours: Neighbours
    merged_at: float
    multiplicity: Int[np.ndarray, " t"]
    direction_norm: Float[np.ndarray, " t"]
    off_diagonal_share: float
    leading: Float[np.ndarray, "r d"]
    notes: tuple[str, ...]

    @property
    def sigma(self) -> Float[np.ndarray, " t"]:
        """Distinct singular values of the label matrix, largest first, of the directions looked at."""
        return self.forecast.solution.sigma[: self.multiplicity.size]

    @cached_property
    def expected(self) -> Float[np.ndarray, " t"]:
        """Root mean square of ‖p_i‖ in the forecast, before any scale."""
        geometry = self.forecast.geometry
        return (np.prod(geometry.layers, axis=0) * np.sqrt(geometry.share))[: self.multiplicity.size]

    @cached_property
    def along(self) -> Shape:
        """The norms ‖p_i‖ along the label directions against the forecast's."""
        return Shape.from_fit(self.direction_norm, self.expected, self.multiplicity.astype(np.float64))

    @cached_property
    def singular_values(self) -> Float[np.ndarray, " r"]:
        """Of the centred head, largest first: at most as many as directions there are."""
        return self.rows.singular_values[: self.forecast.directions]

    @cached_property
    def expected_singular_values(self) -> Float[np.ndarray, " r"]:
        """The forecast's, before any scale; zeros for directions that do not survive."""
        values = np.repeat(np.prod(self.forecast.geometry.layers, axis=0), self.forecast.solution.surviving)
        out = np.zeros(self.singular_values.size)
        kept = np.sort(values)[::-1][: out.size]
        out[: kept.size] = kept
        return out

    @cached_property
    def spectrum(self) -> Shape:
        """The singular values, in order, against the forecast's: the same in every basis."""
        size = self.singular_values.size
        return Shape.from_fit(self.singular_values, self.expected_singular_values, np.ones(size))

    @cached_property
    def gram_distance(self) -> float:
        """``‖G/‖G‖_F − G*/‖G*‖_F‖_F`` of the centred head's Gram matrix and the forecast's: 0 when alike, at most √2.

        Of ``G* = U diag(w²) Uᵀ`` only the lengths along U are needed. NaN where the forecast has no direction, and
        where not all directions were looked at.
        """
        size, expected = self.multiplicity, self.expected**2
        ours, theirs = float(np.linalg.norm(self.rows.gram)), float(np.sqrt(size @ expected**2))
        if theirs == 0.0 or size.sum() < self.forecast.directions:
            return float("nan")
        inner = float(size @ (expected * self.direction_norm**2))
        return float(np.sqrt(max(0.0, 2.0 - 2.0 * inner / (ours * theirs))))

    @property
    def implied_ratio(self) -> float:
        """The c that the scale amounts to if head and means are parallel; where they are not, the network's is smaller.

        ``‖p_i‖ ∝ λ_H^{L/(2(L+1))}`` at given strengths (docs/theory §4); NaN where there is no scale.
        """
        problem, samples = self.forecast.problem, self.counts.samples
        power = 2.0 * (problem.layers + 1) / problem.layers
        assumed = problem.resolved_feature_decay(samples) * samples / problem.weight_decay[0]
        return assumed * self.along.scale**power

    @property
    def dead(self) -> tuple[int, int]:
        """Directions with less than a hundredth of the strongest one's norm: measured, and forecast."""
        measured = self.multiplicity[self.direction_norm < _SHORT * self.direction_norm.max(initial=0.0)]
        expected = self.multiplicity[self.expected <= _SHORT * self.expected.max(initial=0.0)]
        return int(measured.sum()), int(expected.sum())

    @property
    def zero_rows(self) -> tuple[int, int]:
        """Rows with less than a hundredth of the root mean square length of those trained: measured, and forecast."""
        typical = float(np.sqrt(np.mean(self.rows.norms**2)))
        expected = self.expected_norms[self.rows.classes]
        return _short_rows(self.norms, typical), _short_rows(expected, float(np.sqrt(np.mean(expected**2))))

    @cached_property
    def norms(self) -> Float[np.ndarray, " K"]:
        """Length of each centred row, shape (K,)."""
        return self.every.norms

    @cached_property
    def expected_norms(self) -> Float[np.ndarray, " K"]:
        """The forecast's, before any scale, shape (K,)."""
        return np.append(self.forecast.geometry.group_product_norms, np.nan)[self.counts.group]

    @cached_property
    def slopes(self) -> tuple[float, float, float]:
        """Slope of log length on log count, its standard error, and the forecast's slope."""
        counts = self.counts.values
        slope, error = norm_slope(self.norms[:, None], counts)
        return slope, error, norm_slope(self.expected_norms[:, None], counts)[0]

    @property
    def nearest(self) -> Int[np.ndarray, " K"]:
        """Class whose row has the largest cosine with each class's own, shape (K,); −1 where it was not looked for."""
        out = np.full(self.counts.classes, -1)
        out[self.neighbours.compared] = self.neighbours.nearest
        return out

    @property
    def nearest_cosine(self) -> Float[np.ndarray, " K"]:
        """That cosine, shape (K,)."""
        return self._per_class(self.neighbours.compared, self.neighbours.cosine)

    @cached_property
    def mean_row_share(self) -> float:
        """Length of the mean row against the root mean square row as stored; NaN where none was taken off."""
        shift = self.rows.shift[self.rows.classes]
        size = float(np.linalg.norm(self.rows.mean) * np.sqrt(np.mean(shift**2)))
        whole = float(np.sqrt(np.mean(self.rows.norms**2) + size**2))
        return size / whole if shift.any() and whole > 0 else float("nan")

    @property
    def dtype(self) -> str:
        """Type of the last layer as it was read."""
        layers: tuple[NDArray[np.floating], ...] = self.head.weights
        return str(layers[len(layers) - 1].dtype)

    @property
    def centred(self) -> bool:
        """Whether the mean row was taken off: with a bias."""
        return self.head.bias is not None

    @property
    def squared(self) -> bool:
        """Whether the loss is squared error, weighted or not, which sees the sum of the biases."""
        return unseen_shift(self.forecast.problem.loss, self.counts) is None

    @property
    def bias_sum(self) -> float:
        """Sum of the biases, 1 for squared error whatever the features' mean; NaN without a bias."""
        return float(self.head.offset.sum()) if self.centred else float("nan")

    @property
    def bias_error(self) -> float:
        """Largest ``|b − n/N|``; of it W h_G is no error, and h_G is not known here. NaN without a bias."""
        shares = self.counts.values / self.counts.samples
        return float(np.abs(self.head.offset - shares).max()) if self.centred else float("nan")

    @cached_property
    def bias_on_log_counts(self) -> tuple[float, float]:
        """Slope of the bias on log n/N, 1 for a cross-entropy bias that does all of the prior's work, and correlation.

        NaN without a bias or where counts (or biases) do not differ.
        """
        seen = self.rows.classes
        x, y = np.log(self.counts.values[seen]), self.head.offset[seen]
        x, y = x - x.mean(), y - y.mean()
        size, spread = float(x @ x), float(y @ y)
        if not self.centred or size <= 1e-12 or spread == 0.0:
            return float("nan"), float("nan")
        return float(x @ y) / size, float(x @ y) / float(np.sqrt(size * spread))

    def _per_class(self, classes: Int[np.ndarray, " s"], values: Float[np.ndarray, " s"]) -> Float[np.ndarray, " K"]:
        out = np.full(self.counts.classes, np.nan)
        out[classes] = values
        return out


def audit_directions(
    head: Head, counts: ClassCounts, problem: Problem, *, merged_at: float, notes: tuple[str, ...]
) -> HeadAudit:
    """Hold a head against the forecast for its counts, direction by direction.

    Parameters
    ----------
    head, counts
        Of the same classes, in one order.
    problem : Problem
        Whose forecast.
    merged_at : float
        Cosine from which on two centred rows count as merged.
    notes : tuple of str
        To go on with.

    Returns
    -------
    HeadAudit

    Raises
    ------
    FeaturesError
        When all rows are equal.
    """
    asked = _narrowed(problem, head)
    seen = np.flatnonzero(counts.values > 0)
    # Rows that were never trained are where they began, not where a softmax that heeds them has them at its minimum:
    # the others are held against a forecast by themselves.
    alone = seen.size < counts.classes and resolve(asked.loss, counts).heeds_unseen(free_bias=asked.bias == "free")
    trained = ClassCounts(counts.values[seen], [counts.names[k] for k in seen.tolist()]) if alone else counts
    expected = forecast(trained, problem=asked)
    shift = _unseen(expected.problem, counts)
    rows = HeadRows(head, seen, shift)
    every = rows if seen.size == counts.classes else HeadRows(head, np.arange(counts.classes), shift, rows.mean)
    if not rows.norms.any():
        raise FeaturesError("all rows of the head are equal, so they tell no class from another: check the weights")
    svd = expected.geometry.svd
    entry = leading_directions(svd)
    size = np.bincount(entry)
    along = rows.project(svd, entry.size, seen if alone else slice(None))
    squares = np.bincount(entry, weights=np.einsum("rd,rd->r", along, along)) / size
    small = along @ along.T if len(along) <= along.shape[1] else along.T @ along
    return HeadAudit(
        counts=counts,
        head=head,
        forecast=expected,
        rows=rows,
        every=every,
        neighbours=every.neighbours(np.argsort(counts.values, kind="stable"), merged_at),
        merged_at=merged_at,
        multiplicity=size,
        direction_norm=np.sqrt(squares),
        off_diagonal_share=off_share(size * squares**2, float(np.sum(small**2))),
        leading=along[:_LEADING].copy(),
        notes=(*notes, *_untrained(counts)),
    )


def narrowest(head: Head) -> int:
    """The most directions that its layers let through."""
    return min(min(layer.shape) if index else layer.shape[1] for index, layer in enumerate(head.weights))


def _narrowed(problem: Problem, head: Head) -> Problem:
    """With the width of this head, where that leaves no room for all directions."""
    width = narrowest(head)
    return replace(problem, width=min(width, problem.width or width))


def _unseen(problem: Problem, counts: ClassCounts) -> Float[np.ndarray, " K"] | None:
    """The shift of all logits that the model has no use for: what a softmax does not see, or a free bias takes over."""
    shift = unseen_shift(problem.loss, counts)
    return np.ones(counts.classes) if shift is None and problem.bias != "none" else shift


def _untrained(counts: ClassCounts) -> tuple[str, ...]:
    if not counts.unseen.size:
        return ()
    return (
        f"{counts.unseen.size} of {counts.classes} classes have no training samples. "
        "Their rows are kept among those that are merged, identical or short, where rows that were never trained show.",
    )


def _short_rows(norms: Float[np.ndarray, " s"], typical: float) -> int:
    return int((norms <= _SHORT * typical).sum())
