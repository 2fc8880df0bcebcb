"""Where to answer "yes": one threshold a label, from the probabilities alone (docs/multi-label).

Answer the m samples of highest probability. If the probabilities are calibrated, the F1 that is to be expected is
about ``F(m) = 2 Σ_{i ≤ m} p_i / (m + Σ_i p_i)``, and one more answer raises it just as long as its probability is above
``F(m)/2``. So the best threshold is half of the best F. No label is looked at: a rare label has few positives to tune
a threshold on, but all samples say what its F would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.errors import ProblemError
from penultimate.probabilities.given import Given, Probabilities, in_order, labels_of, probabilities_of
from penultimate.reported import Reported

# Below so many expected positives a threshold mostly says which samples happen to be in the file: on batches of 200,
# where most labels have fewer, it cost ten points of macro-F1 on Debian's tags instead of gaining two.
FEW = 5.0
# A sum of probabilities this many standard deviations from the number of positives is no accident, also among
# thousands of labels.
_FAR = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Thresholds(Reported, presenter="thresholds"):
    """One threshold a label, with the F1 to be expected from it; made by `expected_f_thresholds`.

    Attributes
    ----------
    names : sequence of str
        Of the K labels.
    samples : int
        N.
    values : ndarray of shape (K,)
        The thresholds: answer yes where the probability is at least this. Half of the largest expected F1, times one
        number for all labels where `MultiLabelHead` found them.
    expected_f : ndarray of shape (K,)
        The F1 to be expected from it, if the probabilities are calibrated.
    expected_f_at_half : ndarray of shape (K,)
        The same at a threshold of ½.
    expected_positives : ndarray of shape (K,)
        Sum of the probabilities.
    answered, answered_at_half : ndarray of int of shape (K,)
        How many samples are answered yes.
    variances : ndarray of shape (K,)
        Σ p (1 − p), of the number of positives.
    one_label : bool
        Whether every row sums to one, so that these look like probabilities of one label a sample.
    positives, measured_f, measured_f_at_half : ndarray of shape (K,), optional
        How many samples have the label, and the F1 against them; None without labels.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> found = pen.expected_f_thresholds(np.array([[0.9, 0.1], [0.7, 0.2], [0.2, 0.4], [0.1, 0.1]]))
    >>> found.values.round(3), found.predict([[0.5, 0.3]])
    (array([0.41 , 0.222]), array([[ True,  True]]))
    """

    names: Sequence[str]
    samples: int
    values: Float[np.ndarray, " K"]
    expected_f: Float[np.ndarray, " K"]
    expected_f_at_half: Float[np.ndarray, " K"]
    expected_positives: Float[np.ndarray, " K"]
    answered: Int[np.ndarray, " K"]
    answered_at_half: Int[np.ndarray, " K"]
    variances: Float[np.ndarray, " K"]
    one_label: bool
    positives: Int[np.ndarray, " K"] | None = None
    measured_f: Float[np.ndarray, " K"] | None = None
    measured_f_at_half: Float[np.ndarray, " K"] | None = None

    @property
    def few(self) -> Bool[np.ndarray, " K"]:
        """Labels with fewer than five expected positives here: their thresholds say little about other samples."""
        return self.expected_positives < FEW

    @cached_property
    def off(self) -> Bool[np.ndarray, " K"]:
        """Labels whose probabilities promise another number of positives than there are; none without labels.

        More than five standard deviations of that number away, and by more than a tenth.
        """
        if self.positives is None:
            return np.zeros(len(self.names), dtype=bool)
        away = np.abs(self.positives - self.expected_positives)
        return (away > _FAR * np.sqrt(self.variances + 1.0)) & (away > 0.1 * self.positives)

    @property
    def never_at_half(self) -> Bool[np.ndarray, " K"]:
        """Labels that a threshold of ½ never answers."""
        return self.answered_at_half == 0

    def predict(self, probabilities: Given) -> Bool[np.ndarray, "N K"]:
        """Answers for other samples: whether each probability reaches its label's threshold.

        Parameters
        ----------
        probabilities : array-like of shape (N, K), or path
            Columns in the same order; where both sides name them, names decide which is which.

        Returns
        -------
        ndarray of bool of shape (N, K)
            In the order of the thresholds.

        Raises
        ------
        ProblemError
            When the columns are others, or a value is no probability.
        """
        found = probabilities_of(probabilities)
        return in_order(found.values, found.names, self.names, "the probabilities", "the thresholds") >= self.values


def expected_f_thresholds(
    probabilities: Given, labels: object = None, *, names: Sequence[object] | None = None
) -> Thresholds:
    """Find the threshold of every label that makes its expected F1 largest.

    Parameters
    ----------
    probabilities : array-like of shape (N, K) or (N,), data frame, or path
        Calibrated, of samples that the model was not trained on (out of fold, or held out), and as many as there are:
        thresholds from a small batch do harm.
    labels : array-like of shape (N, K), optional
        0 or 1. They choose nothing: they measure F1, and show where the probabilities are not calibrated. By default
        what a file holds as ``y``.
    names : sequence of str, optional
        Of the labels.

    Returns
    -------
    Thresholds

    Raises
    ------
    ProblemError
        When values are no probabilities, all of them are 0 or 1, or labels do not fit.
    FileError
        When a file cannot be read.

    Notes
    -----
    That the best threshold is half of the best F1: Lipton, Elkan and Naryanaswamy 2014 (arXiv 1402.1892). O(N K log N)
    time.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> p = np.random.default_rng(0).beta(0.5, 8, size=(1000, 1))       # a label of six in a hundred samples
    >>> found = pen.expected_f_thresholds(p)
    >>> found.values.round(2), found.answered, found.answered_at_half
    (array([0.15]), array([106]), array([2]))
    """
    found = probabilities_of(probabilities, names=names)
    values = found.values
    if np.isin(values, (0.0, 1.0)).all():
        raise ProblemError("every value is 0 or 1: these are answers; give the probabilities that they were made from")
    truth = _checked(labels_of(found, labels), found)
    best = _best_f(values)
    thresholds = np.where(best > 0.0, best / 2.0, 0.5)  # a label that no sample may have is not to be answered always
    answers, at_half = values >= thresholds, values >= 0.5
    sums = values.sum(axis=0)
    measured = None if truth is None else truth.sum(axis=0)
    return Thresholds(
        found.names,
        len(values),
        thresholds,
        best,
        _expected_f(values, at_half, sums),
        sums,
        answers.sum(axis=0),
        at_half.sum(axis=0),
        (values * (1.0 - values)).sum(axis=0),
        found.sum_to_one,
        measured,
        None if truth is None else f1(truth, answers),
        None if truth is None else f1(truth, at_half),
    )


def scaled(
    found: Thresholds, values: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"], factor: float
) -> Thresholds:
    """The same with all thresholds times one number.

    Parameters
    ----------
    found : Thresholds
    values : ndarray of shape (N, K)
        The probabilities that they were found from.
    truth : ndarray of bool of shape (N, K)
    factor : float
        Above 0 and at most 1.

    Returns
    -------
    Thresholds
        `expected_f` and what was answered and measured are those of the new thresholds.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.probabilities.thresholds import scaled
    >>> p = np.array([[0.8], [0.3], [0.1]])
    >>> scaled(pen.expected_f_thresholds(p), p, p > 0.5, 0.5).answered
    array([2])
    """
    thresholds = found.values * factor
    answers = values >= thresholds
    return replace(
        found,
        values=thresholds,
        expected_f=_expected_f(values, answers, values.sum(axis=0)),
        answered=answers.sum(axis=0),
        measured_f=f1(truth, answers),
    )


def _best_f(values: Float[np.ndarray, "N K"]) -> Float[np.ndarray, " K"]:
    """The largest F(m) of each column."""
    best = np.empty(values.shape[1])
    answers = np.arange(1, len(values) + 1)
    for k, column in enumerate(values.T):  # a column at a time: no second copy of all of them
        falling = -np.sort(-column)
        caught = np.cumsum(falling)
        best[k] = np.max(2.0 * caught / (answers + caught[-1]))
    return best


def _expected_f(
    values: Float[np.ndarray, "N K"], answers: Bool[np.ndarray, "N K"], sums: Float[np.ndarray, " K"]
) -> Float[np.ndarray, " K"]:
    caught, given = np.where(answers, values, 0.0).sum(axis=0), answers.sum(axis=0)
    return np.divide(2.0 * caught, given + sums, out=np.zeros_like(sums), where=given + sums > 0.0)


def f1(truth: Bool[np.ndarray, "N K"], answers: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " K"]:
    """F1 of every label; 0 where there is neither a positive nor an answer.

    Parameters
    ----------
    truth, answers : ndarray of bool of shape (N, K)

    Returns
    -------
    ndarray of shape (K,)

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.probabilities.thresholds import f1
    >>> f1(np.array([[True], [True], [False]]), np.array([[True], [False], [True]]))
    array([0.5])
    """
    both: Float[np.ndarray, " K"] = np.count_nonzero(truth & answers, axis=0).astype(np.float64)
    either = np.count_nonzero(truth, axis=0) + np.count_nonzero(answers, axis=0)
    return 2.0 * both / np.maximum(either, 1)


def _checked(truth: NDArray[Any] | None, found: Probabilities) -> Bool[np.ndarray, "N K"] | None:
    if truth is None:
        return None
    truth = truth[:, None] if truth.ndim == 1 and found.values.shape[1] == 1 else truth
    if truth.shape != found.values.shape:
        raise ProblemError(
            f"labels have shape {truth.shape} and probabilities {found.values.shape}: give 0 or 1 for each label"
        )
    if truth.dtype.kind not in "biuf" or not np.isin(truth, (0, 1)).all():
        raise ProblemError("labels hold other values than 0 and 1: give 1 where the sample has the label, else 0")
    return truth.astype(bool)
