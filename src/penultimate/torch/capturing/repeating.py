"""What two passes over a loader must agree on, at the price of a few sums."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.head import Head

# Column sums of two passes over the same samples differ by rounding: as a share of ‖H‖_F far less than this; for half
# precision, whose rounding depends on who shares a batch, and for the others.
_HALF_MOVED, _MOVED = 0.05, 1e-3


@dataclass
class Pass:
    """What a pass has seen, in whatever order.

    Attributes
    ----------
    counts : ndarray of shape (K,)
        Samples of each class, or with each label.
    sums : ndarray of shape (d,)
        Of the features.
    square : float
        ‖H‖², the sum of all their squares.
    samples : int
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    square: float = 0.0
    samples: int = 0

    @classmethod
    def empty(cls, head: Head) -> "Pass":
        """Nothing yet, of the head's classes and width."""
        return cls(np.zeros(head.classes, dtype=np.int64), np.zeros(head.dimension))

    def add(self, features: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
        """Add a batch; labels one a sample, or 0 and 1 for each."""
        wide = features.astype(np.float64)
        of_each = np.bincount(labels, minlength=self.counts.size) if labels.ndim == 1 else labels.sum(axis=0)
        self.counts += of_each.astype(np.int64)
        self.samples += len(labels)
        self.sums += wide.sum(axis=0)
        self.square += float(np.vdot(wide, wide))

    def compare(self, other: "Pass", *, half: bool) -> None:
        """Make sure that an earlier pass saw the same.

        Parameters
        ----------
        other : Pass
            The earlier one.
        half : bool
            Whether features are of half precision.

        Raises
        ------
        FeaturesError
            When it saw other samples, or other features of the same samples.
        """
        changed = np.flatnonzero(self.counts != other.counts)
        if changed.size:
            k = int(changed[0])
            raise FeaturesError(
                f"the loader gave other samples than in the pass before ({other.counts[k]} of class {k}, now "
                f"{self.counts[k]}): give one that gives every sample once a pass (no sampler with replacement, no "
                "drop_last with shuffling), or keep one pass with save()"
            )
        if np.linalg.norm(self.sums - other.sums) > (_HALF_MOVED if half else _MOVED) * np.sqrt(self.square):
            raise FeaturesError(
                "the same samples have other features than in the pass before: give a loader without random "
                "augmentation and a model without randomness in evaluation, or keep one pass with save()"
            )
