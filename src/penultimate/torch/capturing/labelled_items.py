"""What a loader gives, batch by batch: inputs on the model's device, and labels that count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.features.arrays import as_array
from penultimate.torch.capturing.items import Unpack, moved, unpacked


@dataclass(frozen=True)
class LabelledItems:
    """A loader's items as inputs on the model's device, labels that count, and which of all samples those are.

    Attributes
    ----------
    loader : iterable
    unpack : callable
    device : torch.device
    ignore_index : int
        Samples with this label are left out; of several labels, where any is this.
    autocast : torch.dtype or None
    several : int or None
        K where samples have several labels each, 0 or 1 for each of K; None where they have one.
    places : ndarray of shape (K,) or None
        The logit that each label means, where that is another.
    """

    loader: Iterable[Any]
    unpack: Unpack
    device: torch.device
    ignore_index: int
    autocast: torch.dtype | None
    several: int | None = None
    places: Int[np.ndarray, " K"] | None = None

    def __iter__(self) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.bool_]]]:
        for item in self.loader:
            inputs, given = unpacked(self.unpack, item)
            yield moved(inputs, self.device), *self.labels(given)

    def labels(self, given: object) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Labels that count, by the model's order, and which samples have them."""
        labels = as_array(given, "labels")
        if self.several is None:
            rows = labels.reshape(-1)
            kept = np.asarray(rows != self.ignore_index)
        else:
            rows = labels.reshape(-1, self.several)
            kept = np.asarray((rows != self.ignore_index).all(axis=1))
        return self._meant(rows[kept]), kept

    def _meant(self, labels: NDArray[Any]) -> NDArray[Any]:
        """What is no label stays as it is, to be refused by its reader."""
        places = self.places
        if places is None:
            return labels
        if self.several is not None:
            return labels[:, np.argsort(places)]
        if labels.dtype.kind not in "iu":
            return labels
        return np.where((labels >= 0) & (labels < places.size), places[labels.clip(0, places.size - 1)], labels)
