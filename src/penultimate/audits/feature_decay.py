"""What norms and strengths of a trained last layer say of the feature decay (docs/theory §6)."""

import math

import numpy as np
from jaxtyping import Float

from penultimate.audits.alignment import Alignment
from penultimate.audits.law_reading import ALIGNED, LEARNT
from penultimate.errors import ProblemError


def balance(first: Float[np.ndarray, "_out d"], decay: float, total_square: float) -> float:
    """The feature decay from the balance of norms, ``λ_1 ‖W_1‖² / ‖H − h_G‖²``.

    Parameters
    ----------
    first : ndarray of shape (out, d)
        W_1, the layer that reads the features.
    decay : float
        λ_1.
    total_square : float
        ``‖H − h_G‖_F²`` of the training samples (not centred without a bias).

    Returns
    -------
    float

    Raises
    ------
    ProblemError
        When a number is not finite, or features or the first layer are constant, so that norms say nothing.
    """
    strength = float(np.einsum("kd,kd->", first, first, dtype=np.float64))
    if not (math.isfinite(strength) and math.isfinite(total_square)):
        raise ProblemError("features or weights hold NaN or infinite values: clean them before calibrating")
    if strength == 0.0 or not total_square > 0.0:
        raise ProblemError("features or weights are constant, so their balance says nothing: check the layer")
    return decay * strength / total_square


def implied_kappas(alignment: Alignment, samples: float, layers: int) -> Float[np.ndarray, " i"]:
    """κ that each direction which was learnt well implies, by ``γ = N κ t^{p−1}``.

    Parameters
    ----------
    alignment : Alignment
        Measured strengths, cosines and pulls.
    samples : float
        N.
    layers : int
        L.

    Returns
    -------
    ndarray of shape (i,)
        One for each direction, counted with multiplicity; negative where the loss would have a direction weaker.
    """
    power, lost = 2.0 / (layers + 1), alignment.budget.lost
    with np.errstate(invalid="ignore"):
        well = (alignment.cosine >= ALIGNED) & (alignment.strength >= LEARNT * (alignment.strength + lost))
    kappa = lost[well] * alignment.strength[well] ** (1.0 - power) / samples
    return np.repeat(kappa, alignment.multiplicity[well])
