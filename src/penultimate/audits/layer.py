"""What needs a head: a trained last layer along the directions of the label matrix, against its forecast.

statistics, counts, head → `audit_layer` → `LayerAudit`. The forecast has the feature decay that the network implies: by
how hard the loss still pulls on each direction, or by norms (docs/theory §6).
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from penultimate.audits.against_forecast import SeenHead, gram_cosines, network_objective, product_cosine
from penultimate.audits.alignment import Alignment, align
from penultimate.audits.budgets import Budget, class_budget
from penultimate.audits.calibration import LEAST, Calibration
from penultimate.audits.feature_decay import balance, implied_kappas
from penultimate.audits.last_layer import LastLayer, Pull
from penultimate.audits.law_reading import ENOUGH, Run
from penultimate.counts import ClassCounts
from penultimate.features.head import Head
from penultimate.features.metrics.centred import variances
from penultimate.features.passes.residuals import Residuals
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import forecast
from penultimate.forecasts.status import DEAD
from penultimate.losses import unseen_shift
from penultimate.minimisers.minimising import minimise
from penultimate.model.problem import Problem
from penultimate.reported import OneLine

# A network whose bias is farther than this from the class shares, or whose directions are stronger than this many σ,
# was not trained to the end with squared error. The bundled network that was lies at 0.0004 and 1.00, minimisers of
# squared error at 0 and at most 1; that of cross-entropy at 3.2 and 7.9, minimisers of six other losses for three sets
# of counts and decays of 1e-4 to 1e-2 at 0.51 and 3.4 or more.
_BIAS_OFF = 0.1
_TOO_STRONG = 1.5
# With another loss, one whose product points elsewhere than its forecast's by more than this was not trained with it.
# The bundled networks lie at 0.97 and more with any loss, as nearly all do that fit their labels: what falls below
# learnt something else, or little.
_ALIKE = 0.7
# A class is weaker than its count explains when it lacks this share of what the forecast gives it. On training samples
# the classes of the bundled networks lack 0.01 at most; on held-out ones shirts lack 0.64, the next class 0.27.
_WEAKER = 0.1
# The slope of the bias on log n from which on it follows class shares, as that of cross-entropy does: its minimisers
# have 1.0 to 2.3, smoothed ones 0.37 to 0.77, adjusted ones 0.0 to 0.65 where counts differ fiftyfold; the bundled
# network 0.82. Counts within a factor of two do not tell it.
_FOLLOWS = 0.35
_VARIED = 2.0
_OTHER_SAMPLES = (
    "The audit read other samples than those of training, on which directions look weaker than training made them: "
    "audit the features of the training samples."
)


@dataclass(frozen=True, repr=False)
class LayerAudit(OneLine):
    """What needs a head: the last layer along the directions of the label matrix, against its forecast.

    Attributes
    ----------
    measured : LastLayer
        Means, head, noise.
    alignment : Alignment
        Strengths, cosines and off-diagonal shares.
    class_budget : Budget
        Where each class's own logit went.
    calibration : Calibration
        The feature decay that the network implies.
    forecast : Forecast
        For these counts and decays, with that feature decay.
    weakest : Forecast
        The same at the upper quartile of the feature decay; equal to `forecast` when there are no quartiles.
    balance : tuple of float
        How far neighbouring layers are from balanced, L − 1 numbers; zero at a minimiser.
    """

    measured: LastLayer
    alignment: Alignment
    class_budget: Budget
    calibration: Calibration
    forecast: Forecast
    weakest: Forecast
    balance: tuple[float, ...]

    @property
    def forecast_strength(self) -> Float[np.ndarray, " t"]:
        """Strengths that the forecast gives the directions of `alignment`, shape (t,)."""
        return self.forecast.solution.strength[: self.alignment.sigma.size]

    @property
    def loss_words(self) -> str:
        """What the network is said to be trained with."""
        return "squared error" if self.forecast.problem.is_plain_squared_error else f"loss {self.forecast.problem.loss}"

    @property
    def fits_loss(self) -> bool:
        """Whether the network is near what its own loss leaves, so that comparing them tells something."""
        if self.forecast.problem.is_plain_squared_error:
            return self.fits_squared_error
        return self.product_cosine > _ALIKE

    @cached_property
    def product_cosine(self) -> float:
        """Cosine between the network's ``W(H̄ − h_G 1ᵀ)D`` and the forecast's."""
        return product_cosine(self.measured, self.alignment, self.forecast.solution)

    @cached_property
    def gram_cosines(self) -> tuple[float, float]:
        """Cosines between Gram matrices, the network's and the forecast's: of class means, of head rows."""
        return gram_cosines(self.measured, self.forecast.solution)

    @cached_property
    def excess(self) -> float:
        """The network's own objective, at its class means, over the minimum, less one.

        With the feature decay by norms, for which the network's own factors cost alike. With several layers and another
        loss than squared error the minimum is the best one found.
        """
        own = replace(self.forecast.problem, feature_decay=self.calibration.by_norms)
        return network_objective(self.measured, own) / minimise(self.measured.counts, own).objective - 1.0

    @property
    def bias_error(self) -> float:
        """Largest difference of the (centred) bias from the forecast's, up to a shift that a softmax does not see."""
        if self.forecast.problem.is_plain_squared_error or not self.measured.centred:
            return self.measured.bias_error
        difference = (self.measured.bias - self.forecast.geometry.bias)[self.measured.counts.values > 0]
        return float(np.abs(difference - difference.mean()).max())

    @property
    def fits_squared_error(self) -> bool:
        """Whether bias and strengths are what squared error leaves; if not, the comparison is with a foreign law."""
        strong = float(np.median(self.alignment.strength / self.alignment.sigma))
        return strong < _TOO_STRONG and not self.measured.bias_error > _BIAS_OFF

    @cached_property
    def bias_on_log_counts(self) -> float:
        """Slope of the (centred) bias on log n over classes with samples; NaN without a bias, or for like counts."""
        seen = self.measured.counts.values > 0
        x, y = np.log(self.measured.counts.values[seen]), self.measured.bias[seen]
        if not self.measured.centred or np.ptp(x) < math.log(_VARIED):
            return float("nan")
        return float((x - x.mean()) @ y / np.sum((x - x.mean()) ** 2))

    @property
    def likely_loss(self) -> str | None:
        """A loss that bias and strengths speak for, where they do not speak for the one that was given.

        "mse" where they are what squared error leaves. Where they are not, directions of many σ are those of a
        cross-entropy: "ce" where the bias follows log n (or counts do not differ), "la:1" where it does not. A guess to
        try: losses that weight or smooth look much alike.

        Returns
        -------
        str or None
            None where nothing speaks against the loss that was given, or nothing for another.
        """
        if not self.forecast.problem.is_plain_squared_error:
            share = self.measured.counts.values / self.measured.counts.samples
            # Squared error gives a class's own logit 1 less what the bias has of it.
            logit = float(np.nanmedian(self.measured.lift / (1.0 - share)))
            near = not self.measured.bias_error > _BIAS_OFF * float(share.max())
            softmax = unseen_shift(self.forecast.problem.loss, self.measured.counts) is not None
            return "mse" if softmax and near and 1.0 / _TOO_STRONG < logit < _TOO_STRONG else None
        strong = float(np.median(self.alignment.strength / self.alignment.sigma))
        if self.fits_squared_error or strong < _TOO_STRONG:
            return None
        return "la:1" if self.bias_on_log_counts < _FOLLOWS else "ce"

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against forecasting from it, in sentences: other samples than those of training, another loss."""
        found = [] if self.measured.noise is not None else [_OTHER_SAMPLES]
        likely = self.likely_loss
        mend = "audit it with the loss that trained it" if likely is None else f"audit it with --loss {likely}"
        if not self.fits_loss:
            found.append(f"The audited network does not look as {self.loss_words} leaves one: {mend}.")
        elif likely is not None:
            found.append(f"The audited network looks as loss {likely} leaves one, not {self.loss_words}: {mend}.")
        return tuple(found)

    @cached_property
    def unsettled(self) -> float:
        """What training left unsettled, as a share of what decay and noise took, over all directions with strength.

        Zero at a stationary head; NaN where the noise of the training samples is not known.
        """
        spent, size = self.alignment.budget, self.alignment.multiplicity * self.alignment.strength
        asked = float(np.nansum(size * np.abs(spent.decay + spent.noise)))
        return float(np.nansum(size * np.abs(spent.unsettled))) / asked if asked > 0 else float("nan")

    @property
    def proven(self) -> bool:
        """Whether the forecast is proven to be a minimum; else it is the best point found."""
        return self.forecast.solution.converged

    @property
    def dead(self) -> tuple[int, int]:
        """Directions without strength (below a hundredth of σ): measured, and forecast."""
        alignment = self.alignment
        measured = np.abs(alignment.strength) < DEAD * alignment.sigma
        expected = self.forecast_strength < DEAD * alignment.sigma
        size = alignment.multiplicity
        return int(size[measured].sum()), int(size[expected].sum())

    @cached_property
    def lift(self) -> Float[np.ndarray, " K"]:
        """`LastLayer.lift` without the shift of all logits that the loss does not see, shape (K,)."""
        means = self.measured.rows
        return means.per_class(means.beside(means.of(SeenHead(self.measured, self.forecast.problem.loss))))

    @property
    def departure(self) -> Float[np.ndarray, " K"]:
        """``lift / forecast lift − 1`` of each class, shape (K,); NaN where the forecast has none."""
        return _departure(self.lift, self.forecast)

    @property
    def weaker(self) -> Bool[np.ndarray, " K"]:
        """Classes that lack a tenth of the lift their count gives them, at the upper quartile of the decay too.

        None are named where the network is not what its loss leaves.
        """
        if not self.fits_loss:
            return np.zeros(self.measured.counts.classes, dtype=bool)
        with np.errstate(invalid="ignore"):
            return np.asarray(_departure(self.lift, self.weakest) < -_WEAKER)


def audit_layer(
    statistics: FeatureStatistics,
    counts: ClassCounts,
    head: Head,
    problem: Problem,
    residuals: Residuals | None = None,
) -> LayerAudit:
    """Hold a last layer against the forecast for its class counts.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.
    counts : ClassCounts
        Samples of each class in training.
    head : Head
        The linear layers.
    problem : Problem
        Loss, decays and bias of the training. A feature decay in it is used as it is; else the network's is measured.
    residuals : Residuals, optional
        Of the same samples, for another loss than "mse"; without them there is no budget, and norms alone calibrate.

    Returns
    -------
    LayerAudit

    Raises
    ------
    ProblemError
        For constant features or weights, and a loss that does not fit the counts.
    FeaturesError
        When a class with training samples has no features.
    """
    layer = _last_layer(statistics, counts, head, problem, residuals)
    by_norms = balance(layer.head.weights[0], problem.weight_decay[0], _total_square(statistics, layer))
    # Directions of squared error are those of the counts alone; others move a little with the decays.
    first = forecast(counts, problem=problem if problem.feature_decay else replace(problem, feature_decay=by_norms))
    decay = problem.weight_decay[-1]
    alignment = align(layer, first.geometry.svd, decay)
    calibration = calibrate(layer, alignment, problem, by_norms)
    best = weakest = first
    if problem.feature_decay is None:
        low_to_high = calibration.by_strengths or (by_norms,)
        best, weakest = (
            forecast(counts, problem=replace(problem, feature_decay=found, measured=calibration.source))
            for found in (calibration.feature_decay, low_to_high[-1])
        )
        if not problem.is_plain_squared_error:
            alignment = align(layer, best.geometry.svd, decay)
    audited = LayerAudit(
        measured=layer,
        alignment=alignment,
        class_budget=class_budget(layer, decay),
        calibration=calibration,
        forecast=best,
        weakest=weakest,
        balance=layer.imbalance_of_layers(problem.weight_decay),
    )
    # A network that its loss does not explain has no law of that loss.
    runs = calibration.runs if audited.fits_loss else ()
    return replace(audited, calibration=replace(calibration, runs=runs, doubts=audited.doubts))


def calibrate(layer: LastLayer, alignment: Alignment, problem: Problem, by_norms: float) -> Calibration:
    """Measure the feature decay of a trained network in both ways.

    Parameters
    ----------
    layer : LastLayer
        Its last layer.
    alignment : Alignment
        Of that layer.
    problem : Problem
        Its decays, bias and loss.
    by_norms : float
        λ_H by `balance`.

    Returns
    -------
    Calibration
    """
    samples, decays = layer.counts.samples, problem.weight_decay
    implied = implied_kappas(alignment, samples, problem.layers)
    strengths = None
    if implied.size >= ENOUGH:
        # Each direction counts as often as its σ occurs; a κ below zero is one that gained strength.
        quartiles = np.quantile(implied, [0.25, 0.5, 0.75])
        if quartiles[1] > 0:
            low, middle, high = np.maximum(quartiles, 0.0) ** (problem.layers + 1) / np.prod(decays)
            strengths = (max(float(low), LEAST * float(middle)), float(middle), float(high))
    runs = (Run.from_alignment(alignment, samples, decays),) if np.isfinite(alignment.budget.lost).all() else ()
    return Calibration(decays, samples, problem.bias, problem.loss, by_norms, strengths, int(implied.size), runs)


def _last_layer(
    statistics: FeatureStatistics, counts: ClassCounts, head: Head, problem: Problem, residuals: Residuals | None
) -> LastLayer:
    same = np.array_equal(statistics.counts > 0, counts.values > 0) and np.allclose(
        statistics.counts / statistics.samples, counts.values / counts.samples, rtol=0.05
    )
    noise = statistics.within_scatter / statistics.samples if same else None
    pull = None
    if not problem.is_plain_squared_error:
        # Samples of other counts stand for those of training: residuals of a class are means over its samples.
        pull = Pull(None, None)
        if residuals is not None:
            pull = Pull(-residuals.of_class.T * np.sqrt(counts.values), residuals.within if same else None)
    return LastLayer(counts, statistics.means, head, noise, problem.bias != "none", pull)


def _total_square(statistics: FeatureStatistics, layer: LastLayer) -> float:
    """``‖H − h_G‖²`` of the training samples; spreads are those of the features, per sample, where these are others."""
    return float(layer.counts.values @ np.nan_to_num(variances(statistics)) + np.trace(layer.between))


def _departure(lift: Float[np.ndarray, " K"], expected: Forecast) -> Float[np.ndarray, " K"]:
    law = np.append(expected.geometry.logits.group_diagonal, np.nan)[expected.counts.group]
    return np.divide(lift, law, out=np.full(lift.size, np.nan), where=law > 1e-9) - 1.0
