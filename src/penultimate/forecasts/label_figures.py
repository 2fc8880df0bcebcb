"""What a minimiser says of each label: how much of it survives, and whether it is ever answered (docs/theory §16).

Scores are linear in the label vector, so that mean scores where a label is on and off follow from the directions alone.
How many samples a label needs is told by one that is uncorrelated with all others, with q = n/N and s² = n (1 − q):

    it keeps a direction from  ω² N q (1 − q) = θ² (1 + (ω − 1) q)²  on    n ≈ θ²/ω², for rare labels
    it is answered at ½ from   n/(1 − q) = 4 θ²/ω²  on                     n ≈ 4θ²/ω²

with one layer, ω being the weight of its positives in a sigmoid's loss, 1 for squared error. With more layers a
direction that survives keeps half of its strength or more, so both numbers are the first.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.minimisers.label_solution import LabelSolution
from penultimate.minimisers.shrinkage import Shrinkage
from penultimate.model.label_geometry import LabelGeometry
from penultimate.reported import OneLine
from penultimate.targets.label_scatter import LabelScatter


@dataclass(frozen=True, repr=False)
class LabelFigures(OneLine):
    """Figures of every label, each of shape (K,); NaN where there is none.

    Attributes
    ----------
    retained : ndarray
        Share of the label's own variance that lies in directions that survive.
    lift : ndarray
        Mean score where the label is on, less that where it is off (for real targets: the slope of score on target).
    score_on, score_off : ndarray
        Mean score, or probability, where the label is on and where it is off.
    to_keep, to_answer : ndarray
        About how many samples such a label needs to keep a direction, and to be answered at ½; infinite where no
        number will do.
    """

    retained: Float[np.ndarray, " K"]
    lift: Float[np.ndarray, " K"]
    score_on: Float[np.ndarray, " K"]
    score_off: Float[np.ndarray, " K"]
    to_keep: Float[np.ndarray, " K"]
    to_answer: Float[np.ndarray, " K"]


def squared_error_figures(solution: LabelSolution) -> LabelFigures:
    """Figures of squared error.

    Parameters
    ----------
    solution : LabelSolution

    Returns
    -------
    LabelFigures
        Where more directions survive than were found, those of each label taken alone.
    """
    if solution.is_lower_bound:
        return _alone(solution)
    targets, geometry = solution.targets, solution.geometry
    on, off = mean_scores(targets, geometry)
    spread = targets.variance
    beta = targets.mean - geometry.bias
    moved = _through(geometry, beta)
    strengths = geometry.along(geometry.share * geometry.strength * geometry.spectrum.sigma)
    slope = _over(strengths - targets.samples * beta * moved, spread)
    to_keep, to_answer = samples_needed(solution, np.ones(targets.labels))
    return LabelFigures(_retained(solution), slope, on, off, to_keep, to_answer)


def _alone(solution: LabelSolution) -> LabelFigures:
    """Figures as if labels were uncorrelated, ``s² = S_kk``; they need no directions."""
    targets, problem = solution.targets, solution.problem
    centred = problem.bias != "none"
    squares = targets.variance if centred else np.where(targets.variance > 0, targets.second_moment.diagonal(), 0.0)
    shrinkage = Shrinkage(targets.samples, problem.kappa(targets.samples), problem.layers)
    strength = shrinkage.strength(np.sqrt(squares))
    lift, retained = _over(strength * np.sqrt(squares), squares), np.where(squares > 0, 1.0 * (strength > 0), np.nan)
    bias = targets.mean if centred and targets.kind != "real" else 0.0
    scores = (bias + (1.0 - bias) * lift, bias - bias * lift)
    on, off = (np.where(targets.kind == "real", np.nan, score) for score in scores)
    return LabelFigures(retained, lift, on, off, *samples_needed(solution, np.ones(targets.labels)))


def _retained(solution: LabelSolution) -> Float[np.ndarray, " K"]:
    """``‖P a‖²/‖a‖²``: P the projector on the surviving right vectors, a the label's own row, centred with a bias."""
    targets, geometry, spectrum = solution.targets, solution.geometry, solution.geometry.spectrum
    if solution.problem.bias == "none":
        own, length = spectrum.vectors * spectrum.sigma, np.where(targets.variance > 0, spectrum.diagonal, 0.0)
    else:
        beta = targets.mean - geometry.bias
        own = spectrum.vectors * spectrum.sigma
        own -= targets.samples * np.outer(beta, (beta @ spectrum.vectors) / spectrum.sigma)
        length = targets.variance
    return np.clip(_over(own**2 @ geometry.share, length), 0.0, 1.0)


def mean_scores(
    targets: LabelScatter, geometry: LabelGeometry
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Mean score of each label over samples that have it, and over those that have it not.

    Parameters
    ----------
    targets : LabelScatter
        Label sets or soft labels, which count by their share; NaN for real targets.
    geometry : LabelGeometry

    Returns
    -------
    on, off : ndarray of shape (K,)
    """
    n, samples, bias = targets.positives, targets.samples, geometry.bias
    beta = targets.mean - bias
    of_mean, of_beta = _through(geometry, targets.mean), _through(geometry, beta)
    strengths = geometry.along(geometry.share * geometry.strength * geometry.spectrum.sigma)
    total_on = n * bias + strengths + samples * (of_mean * targets.mean - of_beta * beta) - n * _through(geometry, bias)
    mean = bias + of_beta
    known = targets.kind != "real"
    return _over(total_on, np.where(known, n, 0.0)), _over(samples * mean - total_on, np.where(known, samples - n, 0.0))


def samples_needed(
    solution: LabelSolution, weights: Float[np.ndarray, " K"]
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Samples from which on an uncorrelated label keeps a direction, and is answered at ½.

    Parameters
    ----------
    solution : LabelSolution
    weights : ndarray of shape (K,)
        ω: of each label's positives.

    Returns
    -------
    to_keep, to_answer : ndarray of shape (K,)
        NaN for real targets, of which no number of samples tells the variance.
    """
    samples, theta = solution.targets.samples, solution.threshold
    if solution.targets.kind == "real":
        return np.full(weights.size, np.nan), np.full(weights.size, np.nan)
    if solution.problem.bias == "none":
        keep, answer = np.full(weights.size, theta**2), np.full(weights.size, 4.0 * theta**2)
    else:
        keep, answer = _to_keep(samples, theta, weights), 4.0 * theta**2 / weights**2
        answer = answer / (1.0 + answer / samples)
    return keep, np.maximum(keep, answer) if solution.problem.layers == 1 else keep


def _to_keep(samples: float, theta: float, weights: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """The smaller root q of the first equation above, times N; infinite where there is none."""
    more = weights - 1.0
    a = weights**2 * samples + (theta * more) ** 2
    b = weights**2 * samples - 2.0 * theta**2 * more
    discriminant = b**2 - 4.0 * a * theta**2
    root = 2.0 * theta**2 / (b + np.sqrt(np.maximum(discriminant, 0.0)))
    return np.where((discriminant >= 0) & (b > 0), samples * root, np.inf)


def _through(geometry: LabelGeometry, vector: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """``U diag(x/s) Uᵀ v``."""
    vectors = geometry.spectrum.vectors
    return vectors @ (geometry.left * (vector @ vectors))


def _over(figures: Float[np.ndarray, " K"], by: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    return np.divide(figures, by, out=np.full(figures.size, np.nan), where=by > 0)
