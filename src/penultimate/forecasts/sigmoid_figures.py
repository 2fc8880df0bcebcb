"""What sigmoids say of each label, in closed form: exact for labels that are uncorrelated (docs/theory §17).

Without weights the probabilities of binary cross-entropy are then the scores of squared error, and these serve for any
labels. With weights a label is taken alone:

    probability where on   1 − (θ/s)(1 − ȳ)/ω,      where off   (θ/s) ȳ,      dead from  θ = c s  on
"""

import numpy as np
from jaxtyping import Float

from penultimate.forecasts.label_figures import LabelFigures, samples_needed, squared_error_figures
from penultimate.losses.binary_cross_entropy import BinaryCrossEntropy, leverages, spread_of
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


def collapse_threshold(targets: LabelScatter, loss: BinaryCrossEntropy) -> float:
    """θ from which on all features are zero, whatever the labels: ``σ_1(diag(c) Y_c)``, exactly.

    Parameters
    ----------
    targets : LabelScatter
    loss : BinaryCrossEntropy

    Returns
    -------
    float
    """
    return strongest(targets, leverages(targets, loss.of(targets)))


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
