"""The sums of `penultimate.features.moments` on a tensor's own device, without a word to the host while batches pass.

For the samples x of class k, and a fixed vector s_k near them,

    weight_k = Σ 1,   total_k = Σ (x − s_k),   square_k = Σ ‖x − s_k‖²,   moment = Σ_k Σ (x − s_k)(x − s_k)ᵀ.

A class's first shift is the mean of its first batch; `settle` moves all shifts to the means. Whether that is due is not
asked, because the answer would have to come to the host: it is done whenever the batches have doubled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from penultimate.features.arrays import as_array
from penultimate.features.statistics import FeatureStatistics


@dataclass
class Sums:
    """Sums of one pass, added to in place.

    Attributes
    ----------
    weight : Tensor of shape (K,)
    shift, total : Tensor of shape (K, d)
    square : Tensor of shape (K,)
    moment : Tensor of shape (d, d)
    """

    weight: Float[Tensor, " K"]
    shift: Float[Tensor, "K d"]
    total: Float[Tensor, "K d"]
    square: Float[Tensor, " K"]
    moment: Float[Tensor, "d d"]

    @classmethod
    def empty(cls, classes: int, dimension: int, dtype: torch.dtype) -> "Sums":
        """No samples yet."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=dtype)

        return cls(
            zeros(classes),
            zeros(classes, dimension),
            zeros(classes, dimension),
            zeros(classes),
            zeros(dimension, dimension),
        )

    def add(self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], used: Bool[Tensor, " n"]) -> None:
        """Add samples.

        Parameters
        ----------
        features : Tensor of shape (n, d)
            Of the sums' type.
        labels : Tensor of shape (n,)
            From 0 to K − 1 where used.
        used : Tensor of shape (n,), bool
            Which samples count; what the others hold does not matter.
        """
        rows = torch.where(used[:, None], features, 0.0)
        index = torch.where(used, labels, 0)
        one = used.to(rows.dtype)
        self._place_shifts(rows, index, one)
        centred = (rows - self.shift[index]) * one[:, None]
        self.weight.index_add_(0, index, one)
        self.total.index_add_(0, index, centred)
        self.square.index_add_(0, index, centred.square().sum(dim=1))
        self.moment.addmm_(centred.T, centred)

    def _place_shifts(self, rows: Float[Tensor, "n d"], index: Int[Tensor, " n"], one: Float[Tensor, " n"]) -> None:
        first = one * (self.weight[index] == 0)
        number = torch.zeros_like(self.weight).index_add_(0, index, first)[index]
        self.shift.index_add_(0, index, rows * (first / number.clamp(min=1.0))[:, None])

    def settle(self) -> None:
        """Move every shift to the mean of its class."""
        divisor = self.weight.clamp(min=1.0)
        scaled = self.total / divisor.sqrt()[:, None]
        self.moment.addmm_(scaled.T, scaled, alpha=-1.0)
        self.square.sub_(scaled.square().sum(dim=1)).clamp_(min=0.0)
        self.shift.add_(self.total / divisor[:, None])
        self.total.zero_()

    def joined(self, other: "Sums") -> "Sums":
        """Sums of both."""
        merged = self.statistics().merge(other.statistics()).arrays()
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return Sums(*(torch.as_tensor(merged[name]).reshape(own.shape).to(own) for name, own in held.items()))

    @classmethod
    def gathered(cls, parts: "Iterable[Sums]") -> FeatureStatistics:
        """The same as `FeatureStatistics`, of all parts together."""
        whole, *others = [part.statistics() for part in parts]
        for other in others:
            whole.merge(other)
        return whole

    def statistics(self) -> FeatureStatistics:
        """The same as `FeatureStatistics`, which has the means, the scatter, and a merge."""
        own = {field.name: as_array(getattr(self, field.name), "sums").astype(np.float64) for field in fields(self)}
        weight = float(own["weight"].sum())
        own |= {"moment": own["moment"][None], "progress": np.array([weight, weight, 0.0])}
        return FeatureStatistics.from_arrays(FeatureStatistics(*own["shift"].shape).arrays() | own)
