"""How far a recall and its gain are known: intervals of 90 %."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from penultimate.features.decisions import wilson

_QUANTILE = float(ndtri(0.95))
# A gain is off by what leaving out one fold after another shows; by a tenth of itself, because real scores are not
# Gaussian; by a point and a half in any case; and by 15 points at ten samples of the class, less by one over their
# number: statistics of so few are wrong in ways that no fold shows. Fitted on the bundled features (320 forecasts, 94 %
# covered) and three other sets (72, 86 %). studies/learning_curves.py measures the coverage on three more.
_OPEN, _SHAPE, _ALWAYS, _FEW = 1.0, 0.1, 0.015, 1.5


def recall_interval(recalls: Float[np.ndarray, " K"], counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K 2"]:
    """Wilson's interval of each recall, measured on so many samples.

    Parameters
    ----------
    recalls, counts : ndarray of shape (K,)

    Returns
    -------
    ndarray of shape (K, 2)

    Examples
    --------
    >>> recall_interval(np.array([0.6]), np.array([10.0])).round(2)
    array([[0.35, 0.81]])
    """
    return wilson(recalls, counts, _QUANTILE)


def gain_error(
    gains: Float[np.ndarray, "B K"], without_one: Float[np.ndarray, "B F K"], counts: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "B K"]:
    """Half the width of the interval of each gain.

    Parameters
    ----------
    gains : ndarray of shape (B, K)
    without_one : ndarray of shape (B, F, K)
        The same with one fold left out, each in turn: the jackknife.
    counts : ndarray of shape (K,)
        Present samples of each class.

    Returns
    -------
    ndarray of shape (B, K)
    """
    folds = without_one.shape[1]
    open_ = np.sqrt((folds - 1) * without_one.var(axis=1))
    parts = ((_OPEN * open_) ** 2, (_SHAPE * gains) ** 2, _ALWAYS**2, (_FEW / counts) ** 2)
    return _QUANTILE * np.sqrt(sum(parts))
