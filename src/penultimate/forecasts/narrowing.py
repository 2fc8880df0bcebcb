"""From class counts to a `NarrowForecast`: the full width's solution, stretched by what a width asks for.

Free features: the certified solution at full width, each class's margin z₀ raised to ``z = z₀ + v z²/4``, where
``v = (K − d)/(d (K − 1))`` is the mean square of the cosines of two rows of a tight frame (docs/theory §11.1). Features
of one length: the law of docs/theory §11.2, which asks for no solution; its lower bound does.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.forecasts.narrow_forecast import Features, NarrowForecast
from penultimate.forecasts.sphere_law import sphere_margins_of
from penultimate.forecasts.width_margin import MISS, Width, WidthMargin, width_margin
from penultimate.losses import resolve
from penultimate.minimisers.convex.bins import has_bins
from penultimate.minimisers.minimising import minimise
from penultimate.minimisers.solution import Solution
from penultimate.model.arguments import positive
from penultimate.model.problem import Problem

LABEL_SETS = "features are said for class counts, one label a sample: leave them out for several"
RADIUS_ALONE = "a radius is the length of features on a sphere: say features='sphere', or leave it out"
# The ratios c among which the lower bound of features on a sphere is looked for; any of them has one.
_RATIOS = (1e-12, 1e12)


def narrow_forecast(
    counts: ClassCounts, problem: Problem, features: Features, radius: float | None = None
) -> NarrowForecast:
    """Estimate cross-entropy's minimum in fewer dimensions than classes; see `penultimate.forecast`.

    Raises
    ------
    ProblemError
        For another loss than cross-entropy, several layers, a width below 2 or with room for all directions, a radius
        that nothing asks for, and a sphere with a regularised bias.
    """
    width = check_narrow(counts, problem, features, radius)
    if features == "sphere":
        length = float(np.sqrt(width)) if radius is None else float(radius)
        return _on_sphere(counts, problem, width, length)
    full = minimise(counts, replace(problem, width=None))
    margin = width_margin(counts.values[counts.values > 0], width, problem)
    head, means = full.geometry.group_head_norms, full.geometry.group_mean_norms
    leak = (counts.seen - width) / (width * (counts.seen - 1.0))
    stretch = np.sqrt(_stretch(head * means, leak))
    return _forecast(full.counts, problem, "free", None, full, _bound(full), margin, head * stretch, means * stretch)


def check_narrow(counts: ClassCounts, problem: Problem, features: str, radius: float | None = None) -> int:
    """The width; refuses, before any work, what no estimate is known of.

    Raises
    ------
    ProblemError
        As `narrow_forecast`.
    """
    asked = f"features={features!r} estimates cross-entropy with more classes than dimensions"
    width, room = problem.width, counts.seen - int(problem.bias == "free")
    if width is None:
        raise ProblemError(f"{asked}: give the width of the features")
    _check_features(problem, features, radius)
    if problem.layers > 1:
        raise ProblemError(f"{asked}, with one layer, not {problem.layers}: leave features out for several")
    if not has_bins(counts, problem) or resolve(problem.loss, counts).vectors:
        raise ProblemError(f"{asked}, and the loss is {str(problem.loss)!r}: say 'ce', or leave features out")
    if problem.law is not None:
        raise ProblemError(f"{asked}, and knows no law of a trained network: leave one of the two out")
    if width < 2:
        raise ProblemError(f"{asked}, of which there must be at least 2, not {width}: in one, rows point two ways")
    if width >= room:
        raise ProblemError(
            f"{asked}: a width of {width:,} has room for all {room:,} directions of the {counts.seen:,} classes with "
            "samples, so leave features out, or look whether these are the right counts"
        )
    return width


def _check_features(problem: Problem, features: str, radius: float | None) -> None:
    if features not in ("free", "sphere"):
        raise ProblemError(f"unknown features {features!r}: give 'free' or 'sphere'")
    if features == "free" and radius is not None:
        raise ProblemError(RADIUS_ALONE)
    if radius is not None:
        positive(radius, "the radius")
    if features == "free":
        return
    if problem.feature_decay is not None or problem.networks is not None or problem.feature_ratio != 1.0:
        raise ProblemError("features on a sphere have one length, and no decay: leave the feature decay or ratio out")
    if not isinstance(problem.bias, str):
        raise ProblemError("features on a sphere are known with a free bias or none: give one of these")


def _on_sphere(counts: ClassCounts, problem: Problem, width: int, radius: float) -> NarrowForecast:
    """By the law; its lower bound charges the features' squared length and takes off what all of them have."""
    groups, samples, decay = counts.split(), counts.samples, problem.weight_decay[0]
    shares, room = groups.distinct / samples, radius**2 / decay
    margins = sphere_margins_of(shares, groups.multiplicity, room, free_bias=problem.bias == "free")
    # Without any margin a class misses all of its samples.
    miss = np.where(margins > 0.0, margins / (shares * room), 1.0)
    mean, near_death = (float(groups.multiplicity @ values) / groups.seen for values in (margins, miss > MISS))
    margin = WidthMargin(decay, None, mean, width, near_death)
    ratio = _ratio_of(groups, decay, radius)
    charged = replace(problem, width=None, feature_decay=None, networks=None, feature_ratio=ratio)
    full = minimise(counts, charged)
    bound = max(_bound(full) - ratio * decay * radius**2 / 2.0, 0.0)
    length = np.full(shares.size, radius)
    return _forecast(groups, problem, "sphere", radius, full, bound, margin, margins / radius, length)


def _forecast(
    counts: ClassCounts,
    problem: Problem,
    features: Features,
    radius: float | None,
    full: Solution,
    bound: float,
    margin: WidthMargin,
    head: Float[np.ndarray, " m"],
    means: Float[np.ndarray, " m"],
) -> NarrowForecast:
    """Put together, without figures where the law breaks down."""
    if margin.width is Width.BEYOND:
        head, means = np.full(head.size, np.nan), np.full(means.size, np.nan)
    return NarrowForecast(counts, problem, features, radius, full, bound, margin, head, means)


def _stretch(margin: Float[np.ndarray, " m"], leak: float) -> Float[np.ndarray, " m"]:
    """``z/z₀`` for ``z = z₀ + v z²/4``, the smaller root; where there is none, that of the last that has one."""
    return 2.0 / (1.0 + np.sqrt(np.maximum(1.0 - leak * margin, 0.0)))


def _bound(solution: Solution) -> float:
    assert solution.gap is not None
    return solution.objective - solution.gap


def _ratio_of(counts: ClassCounts, decay: float, radius: float) -> float:
    """C at which free features have the mean square R², by the law: there the bound is about the best."""
    from scipy.optimize import brentq

    total = float(counts.multiplicity @ np.sqrt(counts.distinct / counts.samples))

    def off(log_ratio: float) -> float:
        root = float(np.exp(log_ratio / 2.0))
        return max(float(np.log(total / (decay * root))), 0.0) * total / root - radius**2

    low, high = np.log(_RATIOS)
    return float(np.exp(low if off(low) <= 0.0 else high if off(high) >= 0.0 else brentq(off, low, high)))
