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


def plain_decay(samples: Samples, classes: int, seed: int) -> float:
    """The weight decay of least log loss on a fifth of the samples held back, the rest being fitted to.

    Parameters
    ----------
    samples : Samples
        TRAIN.
    classes : int
        K.
    seed : int
        Of the fifth.

    Returns
    -------
    float
        In units of the mean variance of a feature.
    """
    part = deal_known(samples.labels, _PARTS, seed)
    rest, judged = samples.take(np.flatnonzero(part != 0)), samples.take(np.flatnonzero(part == 0))
    if not len(judged.labels):
        return _DECAYS[0]
    heads = (plain_head(rest, classes, decay) for decay in _DECAYS)
    losses = [float(log_losses(head.logits(judged.features), judged.labels).mean()) for head in heads]
    return _DECAYS[int(np.argmin(losses))]


def plain_head(samples: Samples, classes: int, decay: float) -> Head:
    """Fit softmax regression to samples as they are.

    Classes do not count alike, neither in the fit nor in the choice of the decay: this is what is used where nobody
    thinks of imbalance.

    Parameters
    ----------
    samples : Samples
    classes : int
        K; of those without samples the head never answers with one.
    decay : float
        As `plain_decay`.

    Returns
    -------
    Head
    """
    variance = float(samples.features.var(axis=0, dtype=np.float64).mean()) or 1.0
    return among(descended(decay * variance, samples), np.unique(samples.labels), classes)
