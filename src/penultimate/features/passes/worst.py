"""The samples that a class's findings rest on: those of the smallest margin, kept while features stream by.

The margin of a sample is the score of its own class less the highest of all others: below zero it is answered wrongly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.by_class import ByClass
from penultimate.features.decisions import CONFUSION_CLASSES
from penultimate.reported import OneLine

# Samples that are kept of a class: what a person looks through.
KEPT = 20


@dataclass(repr=False)
class WorstSamples(OneLine):
    """The samples of each class with the smallest margins, smallest first; of equal ones those that come first.

    Attributes
    ----------
    row : ndarray of int of shape (K, 20)
        Their numbers in the order of the source, from 0; −1 where a class has fewer.
    margin : ndarray of shape (K, 20)
        Score of the sample's class less the highest of all others, without a head half the difference of the squared
        distances to the class means; infinity where there is none.
    answer : ndarray of int of shape (K, 20)
        The class that each was taken for.

    Notes
    -----
    Margins are known of samples whose scores were formed. In large problems those that are nearer to the mean of their
    class than half of what makes sure of them are not looked at: their margins are above all that are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.passes.worst import WorstSamples
    >>> worst = WorstSamples.empty(2)
    >>> worst.add(np.array([0, 1, 0]), np.array([0.5, 2.0, -1.0]), np.array([7, 8, 9]), np.array([0, 1, 1]))
    >>> worst.row[0, :3].tolist(), worst.margin[0, :2].tolist(), worst.samples.tolist()
    ([9, 7, -1], [-1.0, 0.5], [2, 1])
    """

    row: Int[np.ndarray, "K s"]
    margin: Float[np.ndarray, "K s"]
    answer: Int[np.ndarray, "K s"]

    @classmethod
    def empty(cls, classes: int) -> "WorstSamples":
        """Nothing kept yet; above 2,048 classes nothing ever is."""
        shape = (classes if classes <= CONFUSION_CLASSES else 0, KEPT)
        return cls(np.full(shape, -1, dtype=np.int64), np.full(shape, np.inf), np.full(shape, -1, dtype=np.int64))

    @property
    def samples(self) -> Int[np.ndarray, " K"]:
        """How many are kept of each class, shape (K,)."""
        return np.count_nonzero(self.row >= 0, axis=1)

    def add(
        self,
        labels: Int[np.ndarray, " n"],
        margins: Float[np.ndarray, " n"],
        rows: Int[np.ndarray, " n"],
        answers: Int[np.ndarray, " n"],
    ) -> None:
        """Keep those of some samples that are worse than what is kept.

        Parameters
        ----------
        labels, answers : ndarray of int of shape (n,)
        margins : ndarray of shape (n,)
        rows : ndarray of int of shape (n,)
        """
        if not len(self.row):
            return
        worse = np.flatnonzero(margins <= self.margin[labels, -1])
        classes = np.unique(labels[worse])
        held = self.row[classes] >= 0
        own = np.concatenate([np.repeat(classes, held.sum(axis=1)), labels[worse]])
        margin = np.concatenate([self.margin[classes][held], margins[worse]])
        row = np.concatenate([self.row[classes][held], rows[worse]])
        answer = np.concatenate([self.answer[classes][held], answers[worse]])
        order = np.lexsort((row, margin, own))
        place = ByClass.of(own[order]).places()
        order, place = order[place < KEPT], place[place < KEPT]
        where = own[order], place
        self.margin[where], self.row[where], self.answer[where] = margin[order], row[order], answer[order]

    def merge(self, other: "WorstSamples") -> None:
        """Keep what is worse of what another has kept of other samples."""
        held = other.row >= 0
        labels = np.repeat(np.arange(len(other.row)), held.sum(axis=1))
        self.add(labels, other.margin[held], other.row[held], other.answer[held])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, for a checkpoint."""
        return {f"worst_{name}": array for name, array in vars(self).items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        for name, array in self.arrays().items():
            array[...] = arrays[name]
