"""What sigmoids, or a softmax, say of each label (docs/theory §17): solved, or in closed form.

The closed forms are exact for labels that are uncorrelated.

Without weights the probabilities of binary cross-entropy are then the scores of squared error, and these serve for any
labels. With weights a label is taken alone:

    probability where on   1 − (θ/s)(1 − ȳ)/ω,      where off   (θ/s) ȳ,      dead from  θ = c s  on
"""

import numpy as np
from jaxtyping import Float

from penultimate.forecasts.label_figures import LabelFigures, samples_needed, squared_error_figures
from penultimate.losses.binary_cross_entropy import BinaryCrossEntropy, leverages, spread_of
from penultimate.minimisers.label_sets.solution import LabelSetSolution, SetLoss
from penultimate.minimisers.label_solution import LabelSolution
from penultimate.spectrum.scatter_spectrum import strongest
from penultimate.targets.label_scatter import LabelScatter


def sigmoid_figures(solution: LabelSolution, loss: BinaryCrossEntropy) -> LabelFigures:
    """Figures of binary cross-entropy.

    Parameters
    ----------
    solution : LabelSolution
        Of squared error at the same decays, with a free bias and one layer.
    loss : BinaryCrossEntropy

    Returns
    -------
    LabelFigures
        `retained` is 1 for labels that live and 0 for the dead where positives are weighted.
    """
    if loss.is_plain:
        return squared_error_figures(solution)
    targets, theta = solution.targets, solution.threshold
    weights, mean = loss.of(targets), targets.mean
    spread = spread_of(targets)
    alive = theta < leverages(targets, weights) * spread
    ratio = np.divide(theta, spread, out=np.full(mean.size, np.nan), where=spread > 0)
    constant = weights * mean / (weights * mean + 1.0 - mean)
    on = np.where(alive, 1.0 - ratio * (1.0 - mean) / weights, constant)
    off = np.where(alive, ratio * mean, constant)
    known = spread > 0
    retained, lift, score_on, score_off = (np.where(known, found, np.nan) for found in (alive * 1.0, on - off, on, off))
    return LabelFigures(retained, lift, score_on, score_off, *samples_needed(solution, weights))


def solved_figures(solution: LabelSolution, sets: LabelSetSolution) -> LabelFigures:
    """Figures of a certified minimiser over label sets.

    Parameters
    ----------
    solution : LabelSolution
        Of squared error at the same decays.
    sets : LabelSetSolution

    Returns
    -------
    LabelFigures
        `to_keep` and `to_answer` are of a label that is uncorrelated with all others; NaN for a softmax.
    """
    on, off = sets.score_on, sets.score_off
    if isinstance(sets.loss, BinaryCrossEntropy):
        needed = samples_needed(solution, sets.loss.of(sets.targets))
    else:
        needed = np.full(on.size, np.nan), np.full(on.size, np.nan)
    return LabelFigures(sets.retained, on - off, on, off, *needed)


def collapse_threshold(targets: LabelScatter, loss: SetLoss) -> float:
    """θ from which on all features are zero, whatever the labels, exactly.

    ``σ_1(diag(c) Y_c)`` for sigmoids, ``λ_max((I − π1ᵀ) YYᵀ (I − 1πᵀ))^{1/2}`` for a softmax over all labels, π being
    the labels' shares of all labels that are on (docs/theory §17).

    Parameters
    ----------
    targets : LabelScatter
    loss : BinaryCrossEntropy or CrossEntropy

    Returns
    -------
    float
    """
    if isinstance(loss, BinaryCrossEntropy):
        return strongest(targets, leverages(targets, loss.of(targets)))
    moment = targets.second_moment.toarray()
    moment -= np.outer(targets.positives / targets.positives.sum(), moment.sum(axis=0))
    moment -= np.outer(moment.sum(axis=1), targets.positives / targets.positives.sum())
    return float(np.sqrt(max(np.linalg.eigvalsh(moment)[-1], 0.0)))


def answering_threshold(targets: LabelScatter, loss: BinaryCrossEntropy) -> Float[np.ndarray, " K"]:
    """θ up to which each label is answered at ½, were it alone: ``ω s/(2 (1 − ȳ))``, or its death if that comes first.

    Parameters
    ----------
    targets : LabelScatter
    loss : BinaryCrossEntropy

    Returns
    -------
    ndarray of shape (K,)
        Infinite where the bias alone answers.
    """
    weights, mean = loss.of(targets), targets.mean
    spread = spread_of(targets)
    answered = np.divide(weights * spread, 2.0 * (1.0 - mean), out=np.full(mean.size, np.inf), where=mean < 1.0)
    silent = weights * mean <= 1.0 - mean
    return np.where(silent, np.minimum(answered, leverages(targets, weights) * spread), np.inf)
