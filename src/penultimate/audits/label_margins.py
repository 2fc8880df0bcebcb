"""The samples that findings about a label rest on: those that have it, and whose score for it is least above others'.

The margin of a sample for a label that it has is the score of that label less the highest of all labels that it lacks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from penultimate.features.arrays import as_features
from penultimate.features.blocks import blocks
from penultimate.features.head import Head
from penultimate.features.passes.worst import WorstSamples
from penultimate.targets.indicators import indicators_of
from penultimate.targets.matrices import is_matrix

# Scores that are held at a time: 16 MiB of float32.
_ENTRIES = 1 << 22


class LabelMargins:
    """Keeps the worst samples of each label while features stream by; of label sets only.

    Parameters
    ----------
    head : Head
        With its rows in the order of the labels.

    Attributes
    ----------
    worst : WorstSamples
        Its answers are the labels that scored highest of those that a sample lacks.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> margins = LabelMargins(pen.Head((np.eye(3),), np.zeros(3)))
    >>> margins.update(np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 1.0]]), np.array([[1, 1, 0], [1, 0, 1]]))
    >>> margins.worst.row[0, :2].tolist(), margins.worst.margin[0, :2].tolist(), margins.worst.answer[0, :2].tolist()
    ([1, 0], [-3.0, 1.5], [1, 2])
    """

    def __init__(self, head: Head) -> None:
        self.worst = WorstSamples.empty(head.classes)
        self._head = head
        self._read = 0

    def update(self, features: object, targets: Any) -> None:
        """Look at a batch.

        Parameters
        ----------
        features : array-like of shape (n, d)
        targets : array or sparse matrix of shape (n, K)
            0 and 1.
        """
        rows = as_features(features)
        for place in blocks(len(rows) if len(self.worst.row) else 0, self._head.classes, _ENTRIES):
            some = targets[place]
            has = np.asarray(some.todense() if hasattr(some, "todense") else some) > 0
            scores = self._head.logits(rows[place]).astype(np.float64)
            others = np.where(has, -np.inf, scores)
            answer = others.argmax(axis=1)
            sample, label = np.nonzero(has)
            margin = scores[sample, label] - others[sample, answer[sample]]
            self.worst.add(label, margin, self._read + place.start + sample, answer[sample])
        self._read += len(rows)


def worst_of_arrays(features: object, targets: Any, names: Sequence[str], head: Head) -> WorstSamples:
    """Those of arrays, whose targets are a matrix or lists of labels.

    Parameters
    ----------
    features : array-like of shape (N, d)
    targets : array or sparse matrix of shape (N, K), or sequence of sequences of str or int
    names : sequence of str
        Of the labels, in order.
    head : Head
    """
    margins = LabelMargins(head)
    matrix: Any = targets if is_matrix(targets) else indicators_of(targets, names)[0]
    margins.update(features, matrix.tocsr() if hasattr(matrix, "tocsr") else np.asarray(matrix))
    return margins.worst
