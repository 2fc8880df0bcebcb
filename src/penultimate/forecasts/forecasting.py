"""The way in: class counts become a `Forecast`, or a `NarrowForecast`, and targets of any kind a `LabelForecast`."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TypedDict, Unpack, overload

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.errors import ProblemError
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.narrow_forecast import Features, NarrowForecast
from penultimate.forecasts.narrowing import LABEL_SETS, RADIUS_ALONE, narrow_forecast
from penultimate.losses import BinaryCrossEntropy, CrossEntropy, Loss
from penultimate.losses.binary_cross_entropy import sigmoids_of
from penultimate.minimisers.label_sets.solution import MOST_SOLVED, how_large, solve_label_sets
from penultimate.minimisers.label_solution import minimise_label_error
from penultimate.minimisers.minimising import minimise
from penultimate.model.before_training import before_training
from penultimate.model.problem import Bias, Problem
from penultimate.targets import LabelScatter


class Options(TypedDict, total=False):
    """What `forecast` takes beside counts and decays."""

    loss: str | Loss | BinaryCrossEntropy
    layers: int | None
    feature_decay: float | None
    feature_ratio: float | None
    like: str | None
    bias: Bias
    width: int | None
    problem: Problem | None


@overload
def forecast(
    counts: LabelScatter, weight_decay: float | Sequence[float] = ..., **options: Unpack[Options]
) -> LabelForecast: ...
@overload
def forecast(
    counts: Counts,
    weight_decay: float | Sequence[float] = ...,
    *,
    features: Features,
    radius: float | None = ...,
    **options: Unpack[Options],
) -> NarrowForecast: ...
@overload
def forecast(counts: Counts, weight_decay: float | Sequence[float] = ..., **options: Unpack[Options]) -> Forecast: ...
def forecast(
    counts: LabelScatter | Counts,
    weight_decay: float | Sequence[float] = 5e-4,
    *,
    loss: str | Loss | BinaryCrossEntropy = "mse",
    layers: int | None = None,
    feature_decay: float | None = None,
    feature_ratio: float | None = None,
    like: str | None = None,
    bias: Bias = "free",
    width: int | None = None,
    features: Features | None = None,
    radius: float | None = None,
    problem: Problem | None = None,
) -> LabelForecast | Forecast | NarrowForecast:
    """Forecast the last layer's geometry from class counts, or the scatter of any targets, and decays.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,); or LabelScatter
        Samples per class; or the sums over targets with several labels a sample, soft labels or regression.
    weight_decay : float or sequence of float, default 5e-4
        λ of the linear layers, for the loss "half the squared error, summed over classes, averaged over samples";
        `Problem.from_torch` translates PyTorch's.
    loss : str, CrossEntropy, SquaredError or BinaryCrossEntropy, default "mse"
        What the network is trained with, by name (`penultimate.losses.names`: "mse", "ce", "la:1", "weighted:inverse",
        …). A LabelScatter has "mse"; with one sigmoid a label "bce", "bce:sqrt", "bce:balanced", "bce:3"; and
        with one softmax over all labels, its loss summed over those that are on, "ce".
    layers : int, optional
        L, linear layers at the end of the network; 1 by default.
    feature_decay : float, optional
        λ_H, if known. By default N λ_H is the median of bundled trained networks that had lost some of their
        directions, and `Forecast.band` is of their middle four fifths.
    feature_ratio : float, optional
        c, for ``λ_H = c λ_1 / N`` instead; `Forecast.by_ratio` has the answer for others. 1 for a LabelScatter, as the
        networks have one label a sample, and with ``features``, as they have fewer classes than dimensions.
    like : str, optional
        Take networks of this kind alone: one of `penultimate.model.networks.kinds`, as "cnn" or "perceptron".
    bias : {"free", "none"} or float, default "free"
        Of the head: not regularised, absent, or with this decay.
    width : int, optional
        The narrowest layer or feature width, if below the number of classes.
    features : {"free", "sphere"}, optional
        With cross-entropy and a width below the number of classes, of any size: estimate row lengths instead of
        looking for the best point. "free": features have a decay of their own; "sphere": all have one length, as
        LayerNorm and RMSNorm make them.
    radius : float, optional
        That length; √width by default, as these norms leave it with gains of one.
    problem : Problem, optional
        Instead of all of these.

    Returns
    -------
    Forecast; LabelForecast of a LabelScatter; with ``features`` NarrowForecast

    Raises
    ------
    ProblemError
        For decays, layers, widths or losses that cannot be, targets that never vary, an unknown kind of networks, and
        one beside a feature decay; and with ``features`` for what no estimate is known of.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.datasets.counts("fashion-mnist-lt")
    >>> print(pen.forecast(counts, weight_decay=5e-3, feature_ratio=1).largest_safe_weight_decay.__round__(4))
    0.066
    >>> targets = pen.LabelScatter.from_labels([["cat", "pet"]] * 60 + [["dog", "pet"]] * 30 + [[]] * 10)
    >>> pen.forecast(targets, weight_decay=0.1).survivors
    2
    """
    sigmoids = sigmoids_of(loss)
    if radius is not None and features is None:
        raise ProblemError(RADIUS_ALONE)
    if features is not None and like is not None:
        raise ProblemError(f"networks like {like!r} have fewer classes than dimensions: give the feature ratio c")
    if sigmoids is not None and not isinstance(counts, LabelScatter):
        raise ProblemError(
            f"the loss {sigmoids} has one sigmoid a label: give LabelScatter.from_counts of the class counts"
        )
    if problem is None:
        problem = before_training(
            weight_decay,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            single=not isinstance(counts, LabelScatter) and features is None,
            bias=bias,
            width=width,
            loss="mse" if isinstance(loss, BinaryCrossEntropy) or sigmoids is not None else loss,
        )
    if isinstance(counts, LabelScatter):
        if features is not None:
            raise ProblemError(LABEL_SETS)
        return _of_targets(copy(counts), problem, sigmoids)
    if features is not None:
        return narrow_forecast(counts_of(counts), problem, features, radius)
    return _with_band(counts_of(counts), problem)


def by_itself(counts: ClassCounts, problem: Problem) -> Forecast:
    """The forecast of one problem, without the ends of what other networks allow, which cost as much again each."""
    return Forecast(minimise(counts, problem))


def _with_band(counts: ClassCounts, problem: Problem) -> Forecast:
    """The forecast, with both ends of what other networks allow where it rests on them."""
    best = by_itself(counts, problem)
    networks = problem.networks
    if networks is None or networks.end:
        return best
    low, high = (by_itself(counts, replace(problem, networks=networks.at_end(end))) for end in (-1, 1))
    return replace(best, band=(low, high))


def _of_targets(targets: LabelScatter, problem: Problem, sigmoids: BinaryCrossEntropy | None) -> LabelForecast:
    """The forecast for several labels a sample, soft labels or regression."""
    softmax = problem.loss == "ce"
    if not (problem.is_plain_squared_error or softmax):
        raise ProblemError(f"the loss {problem.loss} is for one label a sample: for several say 'mse', 'bce' or 'ce'")
    if problem.law is not None:
        raise ProblemError("the law of a trained network is for one label a sample: leave it out")
    squared = minimise_label_error(targets, replace(problem, loss="mse"))
    loss = CrossEntropy() if softmax else sigmoids
    if loss is None:
        return LabelForecast(squared)
    _check_probabilities(targets, problem, loss)
    sets = solve_label_sets(targets, squared.problem, loss)
    if sets is None and softmax:
        raise ProblemError(
            f"a softmax over several labels is solved for at most {MOST_SOLVED:,} labels times different label sets, "
            f"kept by LabelScatter, and {how_large(targets)}: keep the most frequent labels, or say 'bce'"
        )
    return LabelForecast(squared, loss, sets)


def _check_probabilities(targets: LabelScatter, problem: Problem, loss: BinaryCrossEntropy | CrossEntropy) -> None:
    """Refuse what no probabilities answer, and what is not convex over label sets."""
    if targets.kind == "real":
        raise ProblemError(
            "probabilities are numbers between 0 and 1, and these targets are not: say loss='mse' for real targets"
        )
    if problem.layers > 1 or problem.width is not None or problem.bias != "free":
        named = "ce" if isinstance(loss, CrossEntropy) else loss
        raise ProblemError(f"the loss {named} is known for one layer, a free bias and no width: leave the others out")
    if isinstance(loss, BinaryCrossEntropy):
        loss.of(targets)
    elif np.count_nonzero(targets.positives) < 2:
        raise ProblemError("a softmax over one label has nothing to learn: say 'bce'")
