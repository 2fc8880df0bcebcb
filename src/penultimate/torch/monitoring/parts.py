"""Parts of each class, the same samples at every checkpoint, and the sums from which the noise of class means is known.

Flipping the signs of whole parts' residuals leaves their covariance over features and over checkpoints as it is
(docs/theory §14.1). Up to `PARTS` samples of a class are a part each.
"""

import warnings
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array

if TYPE_CHECKING:
    from collections.abc import Iterable

# 2¹⁵ sets of signs, which 199 of them hardly repeat; a p of 0.01 takes eight parts.
PARTS = 16
# Odd and near 2⁶⁴ over the golden ratio, as a signed number: its multiples spread over all bits.
_SPREADS = -7046029254386353131
_MIDDLE = 24
# Bytes that one look keeps of a number of the means: itself, and in single precision that of every part.
_KEPT = 8 + 4 * PARTS
# Bytes of one look that are announced, because a hundred looks fill a laptop; and that are refused.
_LARGE, _TOO_LARGE = 1 << 26, 1 << 32


@dataclass
class Parts:
    """Sums of one pass, added to in place, about the shifts of `penultimate.torch.monitoring.sums`.

    Attributes
    ----------
    part_weight : Tensor of shape (K, 16)
        Samples.
    part_total : Tensor of shape (K, 16, d)
        Σ (x − s_k).
    order : Tensor of shape ()
        A check sum over labels and their places, or ids: other samples, or the same in another order, have another.
    """

    part_weight: Float[Tensor, "K 16"]
    part_total: Float[Tensor, "K 16 d"]
    order: Int[Tensor, ""]

    @classmethod
    def empty(cls, classes: int, dimension: int, dtype: torch.dtype) -> "Parts":
        """No samples yet."""
        return cls(
            torch.zeros(classes, PARTS, dtype=dtype),
            torch.zeros(classes, PARTS, dimension, dtype=dtype),
            torch.zeros((), dtype=torch.int64),
        )

    def add(
        self,
        rows: Float[Tensor, "n d"],
        labels: Int[Tensor, " n"],
        used: Bool[Tensor, " n"],
        shift: Float[Tensor, "K d"],
        ids: Int[Tensor, " n"] | None,
    ) -> None:
        """Add samples; without ids a sample's part is its place among those of its class.

        Parameters
        ----------
        rows, labels, used
            As for `Sums.add`, which comes first and places shifts.
        shift : Tensor of shape (K, d)
        ids : Tensor of shape (n,), optional
        """
        index, one = torch.where(used, labels, 0), used.to(rows.dtype)
        whole = used.long()
        if ids is None:
            seen = self.part_weight.sum(dim=1).long()
            part = (seen[index] + _place_in_class(labels, used, len(seen))) % PARTS
            key = seen.sum() + whole.cumsum(dim=0)
        else:
            part = (ids * _SPREADS >> _MIDDLE) % PARTS
            key = ids + 1
        spread = key * _SPREADS
        self.order += ((spread ^ (spread >> _MIDDLE)) * (index + 1) * whole).sum()
        flat = index * PARTS + torch.where(used, part, 0)
        centred = (torch.where(used[:, None], rows, 0.0) - shift[index]) * one[:, None]
        self.part_weight.view(-1).index_add_(0, flat, one)
        self.part_total.view(-1, rows.shape[1]).index_add_(0, flat, centred)

    def move(self, by: Float[Tensor, "K d"]) -> None:
        """Let the sums be about shifts that have moved so far."""
        self.part_total.sub_(self.part_weight[:, :, None] * by[:, None, :])


PART_SUMS = tuple(field.name for field in fields(Parts))


@dataclass(frozen=True, eq=False)
class KeptMeans:
    """Class means of one look, and the residuals of parts of each class; see `FeatureMonitor.means`.

    Attributes
    ----------
    counts : ndarray of shape (K,)
    means : ndarray of shape (K, d)
        NaN where there are no samples.
    part_counts : ndarray of shape (K, 16)
    residuals : ndarray of shape (K, 16, d), float32
        Σ (x − h̄_k) over each part.
    order : int
        Check sum of the samples.
    """

    counts: Float[np.ndarray, " K"]
    means: Float[np.ndarray, "K d"]
    part_counts: Float[np.ndarray, "K 16"]
    residuals: Float[np.ndarray, "K 16 d"]
    order: int


def residuals(
    means: Float[np.ndarray, "K d"], shifts: "Iterable[Tensor]", weights: "Iterable[Tensor]", totals: "Iterable[Tensor]"
) -> tuple[Float[np.ndarray, "K 16"], Float[np.ndarray, "K 16 d"]]:
    """Samples of each part, and their sum about the class mean, over the states of all processes."""
    about = np.nan_to_num(means)
    counts, sums = np.zeros((len(means), PARTS)), np.zeros((len(means), PARTS, means.shape[1]))
    for shift, weight, total in zip(shifts, weights, totals, strict=True):
        own = as_array(weight, "sums").astype(np.float64)
        moved = as_array(shift, "sums").astype(np.float64) - about
        counts += own
        sums += as_array(total, "sums") + own[:, :, None] * moved[:, None, :]
    return counts, sums.astype(np.float32)


def announce(classes: int, dimension: int) -> None:
    """Say what the means of one look take, where that is much."""
    size = _KEPT * classes * dimension
    text = f"class means of {classes:,} classes and width {dimension:,} take {size / 2**20:,.0f} MiB for every look"
    if size >= _TOO_LARGE:
        raise FeaturesError(f"{text}: watch fewer classes, or leave out keep_means=True")
    if size >= _LARGE:
        warnings.warn(f"{text} that a trajectory keeps: look seldom", stacklevel=4)


def _place_in_class(labels: Int[Tensor, " n"], used: Bool[Tensor, " n"], classes: int) -> Int[Tensor, " n"]:
    """How many used samples of the same label stand before each."""
    sorted_by = torch.argsort(torch.where(used, labels, classes), stable=True)
    index = torch.where(used, labels, classes)
    sizes = torch.zeros(classes + 1, dtype=torch.int64, device=labels.device)
    sizes.index_add_(0, index, torch.ones_like(index))
    starts = sizes.cumsum(dim=0) - sizes
    place = torch.empty_like(index)
    place[sorted_by] = torch.arange(len(index), device=index.device) - starts[index[sorted_by]]
    return torch.where(used, place, 0)
