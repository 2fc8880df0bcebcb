"""The same probabilities where classes occur in another mix than in training (docs/probabilities)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from penultimate.errors import ProblemError
from penultimate.probabilities.given import Given, probabilities_of
from penultimate.probabilities.shares import Mix, shares_of


def adjust(
    probabilities: Given,
    *,
    trained_on: Mix,
    used_on: Mix,
    weights: ArrayLike | None = None,
    names: Sequence[object] | None = None,
) -> Float[np.ndarray, "N K"]:
    """Turn the probabilities of a model into those for another mix of classes: ``p_k used_k / trained_k``, anew to 1.

    Parameters
    ----------
    probabilities : array-like of shape (N, K), data frame, or path
        Of one label a sample, so that rows sum to 1.
    trained_on : counts, shares or "balanced"
        The mix that the model was trained on: class counts; "balanced" where every class was drawn alike.
    used_on : counts, shares or "balanced"
        The mix where its answers count. "balanced" gives the answers of best balanced accuracy; the counts of
        training, after training with weights, undo these.
    weights : array-like of shape (K,), optional
        What the loss multiplied each class by. Training on counts n with weights ω is training on shares n ω.
    names : sequence of str, optional
        Of the columns; by default those of the data frame or file. Where the mixes name their classes too, names
        decide which is which.

    Returns
    -------
    ndarray of shape (N, K)

    Raises
    ------
    ProblemError
        When rows do not sum to 1, mixes do not fit, a class with probability had no share in training, or a row has
        nothing left in the new mix.
    FileError
        When a file cannot be read.

    Notes
    -----
    Bayes' rule where only the mix changes and not what a class looks like: Saerens, Latinne and Decaestecker 2002
    (doi:10.1162/089976602753284446), equation 2.4. It is as good as the probabilities are calibrated.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.adjust([[0.9, 0.1], [0.6, 0.4]], trained_on=[900, 100], used_on="balanced").round(2)
    array([[0.5 , 0.5 ],
           [0.14, 0.86]])
    """
    found = probabilities_of(probabilities, names=names)
    if found.values.shape[1] == 1:
        raise ProblemError("one column of probabilities: give one for every class, (N, 2) for two")
    found.check_sums()
    old, new = (shares_of(mix, found.names, what) for mix, what in ((trained_on, "trained_on"), (used_on, "used_on")))
    old = old * _weights(weights, len(old))
    strange = (old == 0.0) & found.values.any(axis=0)
    if strange.any():
        raise ProblemError(
            f"class {found.names[int(np.argmax(strange))]!r} has probabilities and no share in trained_on: its "
            "probabilities mean nothing that could be adjusted; leave the column out, or give the counts of training"
        )
    factors = np.divide(new, old, out=np.zeros_like(new), where=old > 0.0)
    adjusted = found.values * (factors / factors.max())
    totals = adjusted.sum(axis=1, keepdims=True)
    if not totals.all():
        row = int(np.argmin(totals[:, 0]))
        raise ProblemError(f"row {row} has all its probability in classes that used_on lacks: give them a share")
    return adjusted / totals


def _weights(given: ArrayLike | None, size: int) -> Float[np.ndarray, " K"]:
    weights = np.ones(size) if given is None else np.asarray(given)
    if weights.shape != (size,) or weights.dtype.kind not in "fiu" or not np.all(np.isfinite(weights) & (weights > 0)):
        raise ProblemError(f"weights={given!r}: give one positive number for each of {size} classes")
    return weights.astype(np.float64)
