"""Features with several labels a sample, as the sets of `studies.multi_label` are made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class LabelledFeatures(NamedTuple):
    """Features, and several labels a sample.

    Attributes
    ----------
    rows : ndarray of shape (N, d)
    labels : ndarray of shape (N, K), 0 or 1
    groups : ndarray of shape (N,)
        Samples of one group are never on both sides of a split.
    """

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


def indicators(sets: Sequence[Sequence[str]]) -> np.ndarray:
    """One column for each label that occurs."""
    names = sorted({label for labels in sets for label in labels})
    place = {name: k for k, name in enumerate(names)}
    out = np.zeros((len(sets), len(names)), np.int8)
    for row, labels in enumerate(sets):
        out[row, [place[label] for label in labels]] = 1
    return out
