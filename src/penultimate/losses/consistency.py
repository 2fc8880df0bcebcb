"""Losses that are consistent for balanced accuracy, and how many of the samples their class weights leave.

*Consistent.* Take scores z freely at every input, where the classes have the probabilities η and the shares π. Balanced
accuracy is best decided by the largest η_k/π_k. A softmax with weights ω and offsets ι has its least mean loss at
``z_k = log ω_k + log η_k − ι_k``, up to a shift, so it decides so where ``ω_k π_k exp(−ι_k)`` is the same for every
class: weights n^(−ρ) with offsets ``(1 − ρ) log π`` (Menon et al. 2021, arXiv 2007.07314, §4). Squared error has it at
the shares of ``ω_k η_k``, which leaves the weights 1/n. Temperatures or margins that differ between classes decide so
for no strength.

*Effective share of samples.* Weights make a mean over samples as uncertain as one over fewer of them without weights:
``(Σ n_k ω_k)² / Σ n_k ω_k²`` (Kish 1965, *Survey Sampling*, §11.7).
"""

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.losses.cross_entropy import CrossEntropy
from penultimate.losses.names import Loss, resolve
from penultimate.losses.weights import normalised

# No class is favoured over another by more: strengths as people write them, such as ρ = 0.99, are not told apart.
_NEAR = 0.05


def is_consistent(loss: str | Loss, counts: ClassCounts) -> bool:
    """Whether a loss, at its least value over all functions of the input, decides best for balanced accuracy.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        As for `penultimate.losses.resolve`.
    counts : ClassCounts
        The classes; those without samples take no part.

    Returns
    -------
    bool
        True also where it favours no class over another by more than 5 %; never for margins.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([100, 25, 4])
    >>> [is_consistent(name, counts) for name in ("ce", "la:1", "weighted:inverse", "la:2", "cdt")]
    [False, True, True, False, False]
    """
    known, seen = resolve(loss, counts), counts.values > 0
    vectors = {name: vector[seen] for name, vector in known.vectors.items()}
    if np.any(vectors.get("margins", 0.0)) or np.ptp(vectors.get("scales", np.ones(1))) > 0.0:
        return False
    offsets = vectors.get("offsets", np.zeros(1))
    if isinstance(known, CrossEntropy) and known.smoothing > 0.0 and np.ptp(offsets) > 0.0:
        # Smoothed, a rare class's probability is no longer in proportion to η, which the offsets count on.
        return False
    favour = np.log(vectors.get("weights", np.ones(1))) + np.log(counts.values[seen]) - offsets
    return bool(np.ptp(favour) <= np.log1p(_NEAR))


def effective_share(loss: str | Loss, counts: ClassCounts) -> float:
    """Share of the samples that a loss's class weights leave: 1 without weights.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        As for `penultimate.losses.resolve`.
    counts : ClassCounts
        The classes.

    Returns
    -------
    float

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([90, 10])
    >>> effective_share("la:1", counts), round(effective_share("weighted:inverse", counts), 2)
    (1.0, 0.36)
    """
    weights = resolve(loss, counts).vectors.get("weights")
    if weights is None:
        return 1.0
    return float(counts.samples / (counts.values @ normalised(weights, counts.values) ** 2))
