"""What the head answers, counted for each class: recall, confusion, and agreement with the nearest class mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penultimate.reported import OneLine

# Up to this many classes the table of true class against answer is kept: 32 MiB at most. Beyond, it would be K × K.
CONFUSION_CLASSES = 2048
# Two-sided 95 % of the normal distribution.
QUANTILE = 1.959963984540054


@dataclass(repr=False)
class Decisions(OneLine):
    """Counts of answers, added to in place; all are sums over samples, so they merge by addition.

    Attributes
    ----------
    answered : ndarray of shape (K,)
        Samples of each class whose answer is known.
    correct : ndarray of shape (K,)
        Of these, answered with their class.
    predicted : ndarray of shape (K,)
        How often each class was the answer.
    compared, agreed : ndarray of shape (K,)
        Samples of each class whose nearest class mean is known too, and of these, those whose answer it is.
    by_means : ndarray of shape (K,)
        Samples of each compared class whose nearest class mean is that of their class.
    confusion : ndarray of shape (K, K) or None
        True class (row) against answer (column); None above 2,048 classes.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> decisions = Decisions.empty(2)
    >>> decisions.add(np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> decisions.recall, decisions.confusion
    (array([0.5, 1. ]), array([[1, 1],
           [0, 1]]))
    """

    answered: NDArray[np.int64]
    correct: NDArray[np.int64]
    predicted: NDArray[np.int64]
    compared: NDArray[np.int64]
    agreed: NDArray[np.int64]
    by_means: NDArray[np.int64]
    confusion: NDArray[np.int64] | None

    @classmethod
    def empty(cls, classes: int) -> "Decisions":
        """No answers yet."""
        confusion = np.zeros((classes, classes), dtype=np.int64) if classes <= CONFUSION_CLASSES else None
        answered, correct, predicted, compared, agreed, by_means = np.zeros((6, classes), dtype=np.int64)
        return cls(answered, correct, predicted, compared, agreed, by_means, confusion)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each class's samples that are answered correctly, shape (K,); NaN where none was answered."""
        return _share(self.correct, self.answered)

    @property
    def recall_interval(self) -> NDArray[np.float64]:
        """95 % interval of every recall (Wilson 1927), shape (K, 2); NaN where no sample was answered."""
        return wilson(self.recall, self.answered.astype(np.float64))

    @property
    def recall_by_means(self) -> NDArray[np.float64]:
        """Recall of the nearest class mean instead of the head, shape (K,); NaN where not compared."""
        return _share(self.by_means, self.compared)

    @property
    def accuracy(self) -> float:
        """Share of all samples that are answered correctly; NaN where none was answered."""
        return float(_share(self.correct.sum(), self.answered.sum()))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have answers; NaN without any."""
        known = self.answered > 0
        return float(self.recall[known].mean()) if known.any() else float("nan")

    @property
    def agreement(self) -> NDArray[np.float64]:
        """Share of each class's samples answered with their nearest class mean, shape (K,); NaN where not compared."""
        return _share(self.agreed, self.compared)

    def add(
        self,
        labels: NDArray[np.int64],
        predictions: NDArray[np.int64],
        nearest: NDArray[np.int64] | None = None,
    ) -> None:
        """Count answers.

        Parameters
        ----------
        labels, predictions : ndarray of shape (N,)
            True classes and answers, from 0 to K − 1.
        nearest : ndarray of shape (N,), optional
            The class whose mean is nearest.
        """
        classes = self.answered.size
        hits = labels[predictions == labels]
        self.answered += np.bincount(labels, minlength=classes)
        self.correct += np.bincount(hits, minlength=classes)
        self.predicted += np.bincount(predictions, minlength=classes)
        if nearest is not None:
            self.compared += np.bincount(labels, minlength=classes)
            self.agreed += np.bincount(labels[predictions == nearest], minlength=classes)
            self.by_means += np.bincount(labels[labels == nearest], minlength=classes)
        if self.confusion is not None:
            np.add.at(self.confusion, (labels, predictions), 1)

    def merge(self, other: "Decisions") -> None:
        """Add the counts of other samples."""
        for own, others in zip(vars(self).values(), vars(other).values(), strict=True):
            if own is not None:
                own += others


def wilson(
    shares: NDArray[np.float64], samples: NDArray[np.float64], quantile: float = QUANTILE
) -> NDArray[np.float64]:
    """Wilson's interval of shares that were counted on so many samples (1927), of 95 % by default.

    Parameters
    ----------
    shares, samples : ndarray of shape (K,)
    quantile : float
        Of the normal distribution, for the upper end.

    Returns
    -------
    ndarray of shape (K, 2)
        NaN where there are no samples.

    Examples
    --------
    >>> wilson(np.array([0.5]), np.array([100.0])).round(3)
    array([[0.404, 0.596]])
    """
    pull = quantile**2 / np.where(samples > 0, samples, np.nan)
    middle = (shares + pull / 2) / (1 + pull)
    half = quantile / (1 + pull) * np.sqrt(shares * (1 - shares) * pull / quantile**2 + pull**2 / (4 * quantile**2))
    return np.stack([middle - half, middle + half], axis=1)


def _share(part: NDArray[np.int64] | np.int64, whole: NDArray[np.int64] | np.int64) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
