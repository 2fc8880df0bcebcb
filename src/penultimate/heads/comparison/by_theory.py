"""What theory says of a trained head for balanced classes, with no sample to choose with."""

import numpy as np

from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.rescaled import LogitAdjustedHead, TauNormalisedHead

# Rows of a squared-error head sum to zero and its biases to one, up to this.
_SUMS = 0.05


def head_by_theory(present: Head, statistics: FeatureStatistics) -> tuple[str, Head]:
    """Adjust a head for balanced classes with τ = 1, in the units of its scores.

    Logarithms: Bayes' rule. Shares of probability: the rows of one norm and the one bias that the minimiser has when
    counts are equal; Bayes' rule divides such scores by the class shares, but takes them for posterior probabilities,
    which on new data they are not (docs/heads has figures).

    Parameters
    ----------
    present : Head
        Trained with a loss that does not adjust.
    statistics : FeatureStatistics
        Of the training features.

    Returns
    -------
    str, Head
        What was done, and what came of it.
    """
    if scores_are_shares(present):
        return "τ-normalised", TauNormalisedHead(present, tau=1.0).fit_statistics(statistics).head()
    return "logit adjustment", LogitAdjustedHead(present, tau=1.0).fit_statistics(statistics).head()


def scores_are_shares(head: Head) -> bool:
    """Whether a head was trained with squared error on one-hot labels: its scores sum to 1 wherever features are.

    At a stationary point of least squares with a free bias the rows of W sum to zero and b to one; with cross-entropy
    and weight decay both sum to zero.

    Parameters
    ----------
    head : Head

    Returns
    -------
    bool
    """
    rows = float(np.linalg.norm(head.product.sum(axis=0)) / max(np.linalg.norm(head.product), 1e-300))
    return rows < _SUMS and abs(float(head.offset.sum()) - 1.0) < _SUMS
