"""Labels that count the classes in another order than the head: what nobody sees when neither side has names.

A validation set encoded by itself, without the class that it lacks, or labels in order of frequency, give an accuracy
that looks like that of a bad head. The table of label against answer tells the two apart: a bad head answers with a few
classes for many labels, a permuted one with one other class for each.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

# Answers that fit must outnumber those that fit as the labels stand by this factor, and by this many standard errors
# of their difference. A head that is right on two samples of three, and wrong on the rest evenly, comes to a factor of
# two times the number of wrong classes; one whose labels are as they should be to less than 1. No subset of classes of
# the bundled networks, whose rare classes have a recall of one half, is taken for permuted (tests).
_FACTOR, _SURE = 3.0, 4.0
# Doubtful labels up to which the assignment is a matter of seconds; it takes a minute for 100,000.
_MOST = 20_000


@dataclass(frozen=True)
class Permuted:
    """Another meaning of the labels, which fits the head's answers far better.

    Attributes
    ----------
    meaning : ndarray of shape (K,)
        The class of the head that each label seems to mean; itself where nothing speaks against it.
    accuracy : float
        As the labels stand.
    would_be : float
        With these meanings.
    """

    meaning: Int[np.ndarray, " K"]
    accuracy: float
    would_be: float

    @property
    def moved(self) -> Int[np.ndarray, " m"]:
        """Labels that seem to mean another class."""
        return np.flatnonzero(self.meaning != np.arange(self.meaning.size))


def permuted(confusion: "NDArray[Any] | coo_array") -> Permuted | None:
    """Whether the labels seem to count the classes in another order than the head.

    The one-to-one assignment of labels to classes that explains most answers is believed where the same, found on one
    half of the samples, explains far more of the other half than the labels as they stand.

    Parameters
    ----------
    confusion : ndarray or sparse array of shape (K, K)
        Samples by label (row) and answer (column).

    Returns
    -------
    Permuted or None
        None where the labels are likely as they should be, too few samples tell, or more than 20,000 labels are rarely
        answered with their own class.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.permutation import permuted
    >>> permuted(np.array([[40, 5, 5], [5, 3, 42], [4, 40, 6]])).meaning
    array([0, 2, 1])
    >>> permuted(np.array([[40, 5, 5], [25, 20, 5], [40, 5, 5]])) is None
    True
    """
    table = coo_array(cast(Any, confusion))
    table.sum_duplicates()
    label, answer = table.coords
    answers = _Answers(label, answer, table.data.astype(np.int64), table.shape[0])
    meaning = answers.assigned(answers.number)
    if np.array_equal(meaning, np.arange(meaning.size)):
        return None
    # With every other matrix routine of SciPy, a tenth of a second that audits of labels in order need not wait for.
    from scipy.sparse.csgraph import connected_components

    # Labels that change places with one another are believed together or not at all.
    links = (np.ones(meaning.size), (np.arange(meaning.size), meaning))
    rings, ring = connected_components(coo_array(links, shape=(meaning.size, meaning.size)))
    of_ring = ring[answers.label]
    kept = np.bincount(of_ring, weights=answers.number * (answers.answer == answers.label), minlength=rings)
    gained = np.zeros(rings)
    half = np.random.default_rng(0).binomial(answers.number, 0.5)
    for found, judged in ((half, answers.number - half), (answers.number - half, half)):
        fits = answers.answer == answers.assigned(found)[answers.label]
        gained += np.bincount(of_ring, weights=judged * fits, minlength=rings)
    believed = (gained > _FACTOR * kept) & (gained - kept > _SURE * np.sqrt(gained + kept))
    meaning = np.where(believed[ring], meaning, np.arange(meaning.size))
    if np.array_equal(meaning, np.arange(meaning.size)):
        return None
    return Permuted(meaning, answers.accuracy(np.arange(meaning.size)), answers.accuracy(meaning))


class _Answers(NamedTuple):
    """How many samples of a label got an answer: one entry for each pair that occurs."""

    label: NDArray[np.integer]
    answer: NDArray[np.integer]
    number: NDArray[np.int64]
    classes: int

    def accuracy(self, meaning: Int[np.ndarray, " K"]) -> float:
        """Share of samples whose answer is what their label means."""
        return float(self.number @ (self.answer == meaning[self.label]) / self.number.sum())

    def assigned(self, number: NDArray[np.int64]) -> Int[np.ndarray, " K"]:
        """The class of each label by the assignment that explains most of some samples."""
        every = np.arange(self.classes)
        own, other = np.zeros(self.classes, dtype=np.int64), np.zeros(self.classes, dtype=np.int64)
        itself = self.label == self.answer
        own[self.label[itself]] = number[itself]
        np.maximum.at(other, self.label[~itself], number[~itself])
        # Labels answered with their own class more often than with any other stay where they are.
        free = own < other
        row, column = np.cumsum(free) - 1, np.cumsum(free | (own == other)) - 1
        used = np.flatnonzero(free[self.label] & (own <= other)[self.answer] & ~itself & (number > 0))
        # One more for every entry moves no optimum, as each label has one: so its own class, which makes an assignment
        # possible, is no zero. That gets half a sample more: ties leave a label where it is.
        weights = np.concatenate([number[used] + 1.0, own[free] + 1.5])
        rows = np.concatenate([row[self.label[used]], row[free]])
        columns = np.concatenate([column[self.answer[used]], column[free]])
        shape = (int(free.sum()), int((own <= other).sum()))
        if not 0 < shape[0] <= _MOST:
            return every
        from scipy.sparse.csgraph import min_weight_full_bipartite_matching

        table = csr_array((weights, (rows, columns)), shape=shape)
        rows, columns = cast(Any, min_weight_full_bipartite_matching)(table, maximize=True)
        meaning = every.copy()
        meaning[every[free][rows]] = every[own <= other][columns]
        return meaning
