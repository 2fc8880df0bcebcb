"""The head to compare with where features of a frozen encoder come without one: plain cross-entropy."""

import numpy as np

from penultimate.features.head import Head
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.candidates import among, descended
from penultimate.heads.comparison.selection import deal_known
from penultimate.heads.softmax import log_losses

# Weight decays in units of the mean variance of a feature, the most first, and how many parts TRAIN is dealt into: the
# decay is chosen on one of them.
_DECAYS, _PARTS = (1e-1, 1e-2, 1e-3, 1e-4), 5


def plain_head(samples: Samples, classes: int, seed: int) -> Head:
    """Fit softmax regression to samples as they are, its weight decay the one of least log loss on a fifth held back.

    Classes do not count alike, neither in the fit nor in the choice: this is what is used where nobody thinks of
    imbalance.

    Parameters
    ----------
    samples : Samples
        TRAIN.
    classes : int
        K; of those without samples the head never answers with one.
    seed : int
        Of the fifth.

    Returns
    -------
    Head
    """
    part = deal_known(samples.labels, _PARTS, seed)
    rest, judged = samples.take(np.flatnonzero(part != 0)), samples.take(np.flatnonzero(part == 0))
    variance = float(samples.features.var(axis=0, dtype=np.float64).mean()) or 1.0

    def fitted(decay: float, to: Samples) -> Head:
        return among(descended(decay * variance, to), np.unique(to.labels), classes)

    if not len(judged.labels):
        return fitted(_DECAYS[0], samples)
    losses = [float(log_losses(fitted(decay, rest).logits(judged.features), judged.labels).mean()) for decay in _DECAYS]
    return fitted(_DECAYS[int(np.argmin(losses))], samples)
