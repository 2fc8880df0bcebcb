"""The same probabilities where classes occur in another mix than in training (docs/probabilities)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from penultimate.counts.matching import PerClass, values_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.arrays import refuse_masked
from penultimate.probabilities.given import Given, Probabilities, probabilities_of
from penultimate.probabilities.shares import Mix, shares_of


def adjust(
    probabilities: Given,
    *,
    trained_on: Mix,
    used_on: Mix,
    weights: PerClass | None = None,
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
    weights : array-like of shape (K,), or mapping by class name, optional
        What the loss multiplied each class by. Training on counts n with weights ω is training on shares n ω.
    names : sequence of str, optional
        Of the columns; by default those of the data frame or file, else those of the mixes in the order of
        `trained_on`. Where several sides name the classes, names decide which is which.

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
    return adjusted(probabilities_of(probabilities, names=names), trained_on, used_on, weights)[0]


def adjusted(
    found: Probabilities, trained_on: Mix, used_on: Mix, weights: PerClass | None = None
) -> tuple[Float[np.ndarray, "N K"], str]:
    """As `adjust`, of probabilities that were opened; besides, a sentence on columns that had to be taken in order.

    Parameters
    ----------
    found : Probabilities
    trained_on, used_on : counts, shares or "balanced"
    weights : array-like of shape (K,), or mapping by class name, optional

    Returns
    -------
    values : ndarray of shape (N, K)
    note : str
        Empty where names or nothing decided.

    Raises
    ------
    ProblemError
        As `adjust`.

    Examples
    --------
    >>> from penultimate.probabilities.adjusting import adjusted
    >>> from penultimate.probabilities.given import probabilities_of
    >>> adjusted(probabilities_of([[0.9, 0.1]]), {"cat": 900, "dog": 100}, "balanced")[1]
    "The probabilities came without class names: 0 is taken as 'cat', 1 as 'dog', in the order of trained_on."
    """
    if found.values.shape[1] == 1:
        raise ProblemError("one column of probabilities: give one for every class, (N, 2) for two")
    found.check_sums()
    before = shares_of(trained_on, found.names, "trained_on")
    now = shares_of(used_on, before.names, "used_on")
    old, new = before.values * _weights(weights, now.names), now.values
    strange = (old == 0.0) & found.values.any(axis=0)
    if strange.any():
        raise ProblemError(
            f"class {now.names[int(np.argmax(strange))]!r} has probabilities and no share in trained_on: its "
            "probabilities mean nothing that could be adjusted; leave the column out, or give the counts of training"
        )
    factors = np.divide(new, old, out=np.zeros_like(new), where=old > 0.0)
    values = found.values * (factors / factors.max())
    totals = values.sum(axis=1, keepdims=True)
    if not totals.all():
        row = int(np.argmin(totals[:, 0]))
        raise ProblemError(f"row {row} has all its probability in classes that used_on lacks: give them a share")
    return values / totals, before.note or now.note


def _weights(given: object, names: Sequence[str]) -> Float[np.ndarray, " K"]:
    if given is None:
        return np.ones(len(names))
    try:
        refuse_masked(given, "weights")
        weights = np.asarray(values_of(given, names, "weights"))
    except FeaturesError as error:
        raise ProblemError(str(error)) from None
    positive = weights.dtype.kind in "fiu" and np.all(np.isfinite(weights) & (weights > 0))
    if weights.shape != (len(names),) or not positive:
        raise ProblemError(f"weights={given!r}: give one positive number for each of {len(names)} classes")
    return weights.astype(np.float64)
