"""How far a recall and its gain are known: intervals of 90 %."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

_QUANTILE = float(ndtri(0.95))
# A gain is off by what the samples leave open, which leaving out one fold after another measures too small by a half;
# by a fifth of itself, because real scores are not Gaussian; and by a point and a half in any case. Fitted on the
# bundled features (320 forecasts): 87 % covered. studies/learning_curves.py measures it on data that were not used.
_OPEN, _SHAPE, _ALWAYS = 1.5, 0.2, 0.015


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
    pull = _QUANTILE**2 / counts
    centre = (recalls + pull / 2.0) / (1.0 + pull)
    half = _QUANTILE / (1.0 + pull) * np.sqrt(recalls * (1.0 - recalls) / counts + pull / (4.0 * counts))
    return np.stack([centre - half, centre + half], axis=1)


def gain_error(gains: Float[np.ndarray, "B K"], without_one: Float[np.ndarray, "B F K"]) -> Float[np.ndarray, "B K"]:
    """Half the width of the interval of each gain.

    Parameters
    ----------
    gains : ndarray of shape (B, K)
    without_one : ndarray of shape (B, F, K)
        The same with one fold left out, each in turn: the jackknife.

    Returns
    -------
    ndarray of shape (B, K)
    """
    folds = without_one.shape[1]
    open_ = np.sqrt((folds - 1) * without_one.var(axis=1))
    return _QUANTILE * np.sqrt((_OPEN * open_) ** 2 + (_SHAPE * gains) ** 2 + _ALWAYS**2)
