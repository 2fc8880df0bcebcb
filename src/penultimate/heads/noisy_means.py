"""What few samples do to the scores of a class: its mean is noisy, so it is pulled in and what is left allowed for."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from penultimate.errors import FeaturesError

Means = Literal["pulled", "corrected", "plain"]


def weighed(
    treatment: Means,
    sizes: Float[np.ndarray, "m K"],
    noise: Float[np.ndarray, " m"],
    counts: Float[np.ndarray, "m K"],
) -> tuple[Float[np.ndarray, "m K"], Float[np.ndarray, "m K"], Float[np.ndarray, " m"]]:
    """What to multiply the means of classes with, and what to add to their scores.

    Means are measured from their centre, the mean of the means, so that classes count alike.

    Parameters
    ----------
    treatment : {"pulled", "corrected", "plain"}
    sizes : ndarray of shape (m, K)
        Squared lengths of the means, whitened.
    noise : ndarray of shape (m,)
        tr(AΣ), what a class of one sample has of it for nothing (`covariance.mean_noise`).
    counts : ndarray of shape (m, K)
        Above zero.

    Returns
    -------
    factors, offsets : ndarray of shape (m, K)
    pull : ndarray of shape (m,)
        Samples at the centre that have the same effect as the factors; 0 where these are 1.

    Raises
    ------
    FeaturesError
        For another treatment.

    Notes
    -----
    docs/theory §13.2. Means as draws around their centre: James and Stein 1961, Efron and Morris 1973.
    """
    if treatment == "plain":
        return np.ones_like(sizes), -0.5 * sizes, np.zeros_like(noise)
    if treatment not in ("pulled", "corrected"):
        raise FeaturesError(f"means={treatment!r}: give 'pulled', 'corrected' or 'plain'")
    factors, pull = np.ones_like(sizes), np.zeros_like(noise)
    if treatment == "pulled":
        classes = sizes.shape[-1]
        signal = sizes.mean(axis=-1) * classes / (classes - 1) - noise * (1.0 / counts).mean(axis=-1)
        # What cannot be told from zero is taken for what the mean of the largest class could have by chance.
        pull = noise / np.maximum(signal, np.maximum(noise / counts.max(axis=-1), np.finfo(np.float64).tiny))
        factors = counts / (counts + pull[..., None])
    return factors, -0.5 * factors**2 * (sizes - noise[..., None] / counts), pull
