"""The sums of `penultimate.features.label_statistics` on a tensor's own device, without a word to the host.

About one shift s, the mean of the first batch, and later of all: Σ (x − s), Σ (x − s)(x − s)ᵀ and Σ y (x − s)ᵀ; Σ y and
Σ y yᵀ; and Σ 1 and Σ (x − s) for each different label set. A set's place among 8,192 is found by its hash: where a
place is taken, the next is tried, at most 32 times. So some 6,000 sets are told apart, and that one was not is counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from penultimate.features.arrays import as_array
from penultimate.features.label_statistics import LabelStatistics
from penultimate.targets.distinct_sets import DistinctSets
from penultimate.targets.matrices import scipy_sparse
from penultimate.targets.sums import Sums

_PLACES, _TRIES = 1 << 13, 32
# No hash has it, but by a chance of 2⁻⁶⁴.
_EMPTY = -(1 << 63)


@dataclass
class LabelSums:
    """Sums of one pass, added to in place.

    Attributes
    ----------
    weight : Tensor of shape (2,)
        Samples, and those of them without labels.
    shift, total : Tensor of shape (d,)
    moment : Tensor of shape (d, d)
    positives : Tensor of shape (K,)
    pairs : Tensor of shape (K, K)
    cross : Tensor of shape (K, d)
    set_key : Tensor of shape (8193,)
        Hashes; the last place takes what finds none.
    set_row : Tensor of shape (8193, K)
        The labels of each set, 0 or 1.
    set_weight : Tensor of shape (8193,)
    set_total : Tensor of shape (8193, d)
    """

    weight: Float[Tensor, " 2"]
    shift: Float[Tensor, " d"]
    total: Float[Tensor, " d"]
    moment: Float[Tensor, "d d"]
    positives: Float[Tensor, " K"]
    pairs: Float[Tensor, "K K"]
    cross: Float[Tensor, "K d"]
    set_key: Int[Tensor, " M"]
    set_row: UInt8[Tensor, "M K"]
    set_weight: Float[Tensor, " M"]
    set_total: Float[Tensor, "M d"]

    @classmethod
    def empty(cls, labels: int, dimension: int, dtype: torch.dtype) -> "LabelSums":
        """No samples yet."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=dtype)

        return cls(
            zeros(2),
            zeros(dimension),
            zeros(dimension),
            zeros(dimension, dimension),
            zeros(labels),
            zeros(labels, labels),
            zeros(labels, dimension),
            torch.full((_PLACES + 1,), _EMPTY),
            torch.zeros(_PLACES + 1, labels, dtype=torch.uint8),
            zeros(_PLACES + 1),
            zeros(_PLACES + 1, dimension),
        )

    def add(self, features: Float[Tensor, "n d"], labels: Float[Tensor, "n K"], used: Bool[Tensor, " n"]) -> None:
        """Add samples.

        Parameters
        ----------
        features : Tensor of shape (n, d)
            Of the sums' type.
        labels : Tensor of shape (n, K)
            0 or 1 where used.
        used : Tensor of shape (n,), bool
            Which samples count; what the others hold does not matter.
        """
        rows = torch.where(used[:, None], features, 0.0)
        on = torch.where(used[:, None], labels, 0)
        one, held = used.to(rows.dtype), on.to(rows.dtype)
        first = (self.weight[0] == 0).to(rows.dtype)
        self.shift += first * rows.sum(dim=0) / one.sum().clamp(min=1.0)
        centred = (rows - self.shift) * one[:, None]
        self.weight += torch.stack([one.sum(), (one * (held.sum(dim=1) == 0)).sum()])
        self.total += centred.sum(dim=0)
        self.moment.addmm_(centred.T, centred)
        self.positives += held.sum(dim=0)
        self.pairs.addmm_(held.T, held)
        self.cross.addmm_(held.T, centred)
        place = self._places(torch.where(on > 0, _code(on.shape[1], on.device), 0).sum(dim=1), used)
        self.set_row[place] = on.to(torch.uint8)
        self.set_weight.index_add_(0, place, one)
        self.set_total.index_add_(0, place, centred)

    def settle(self) -> None:
        """Move the shift to the mean."""
        self._move(self.total / self.weight[0].clamp(min=1.0))

    def joined(self, other: "LabelSums") -> "LabelSums":
        """Sums of both."""
        whole, more = self._copy(), other._copy()
        if not float(more.weight[0]):  # its shift says nothing
            return whole
        whole._move(more.shift - whole.shift)
        there = more.set_weight > 0
        there[-1] = False
        place = whole._places(more.set_key, there)
        for name in ("weight", "total", "moment", "positives", "pairs", "cross"):
            getattr(whole, name).add_(getattr(more, name))
        whole.set_row[place] = more.set_row
        whole.set_weight.index_add_(0, place, more.set_weight)
        whole.set_total.index_add_(0, place, more.set_total)
        return whole

    @classmethod
    def gathered(cls, parts: Iterable["LabelSums"], names: Sequence[str]) -> LabelStatistics:
        """The same as `LabelStatistics`, of all parts together."""
        whole, *others = [part._statistics(names) for part in parts]
        for other in others:
            whole = whole + other
        return whole

    def _statistics(self, names: Sequence[str]) -> LabelStatistics:
        own = {field.name: as_array(getattr(self, field.name), "sums") for field in fields(self)}
        wide = {name: held.astype(np.float64) for name, held in own.items() if name not in ("set_key", "set_row")}
        samples, without = wide["weight"].tolist()
        sparse, there = scipy_sparse(), np.flatnonzero(wide["set_weight"][:-1])
        sets = DistinctSets(sparse.csr_array(own["set_row"][there], dtype=np.float64), wide["set_weight"][there])
        sums = Sums(
            samples,
            wide["positives"],
            sparse.csr_array(wide["pairs"]),
            unlabelled=without,
            sets=None if wide["set_weight"][-1] else sets,
        )
        of_sets = wide["set_total"][there]
        return LabelStatistics.from_sums(
            names, sums, wide["shift"], wide["total"], wide["moment"], wide["cross"], of_sets
        )

    def _move(self, by: Float[Tensor, " d"]) -> None:
        """Let the sums be about another shift."""
        before, after = self.total, self.total - self.weight[0] * by
        self.moment -= torch.outer(by, before) + torch.outer(after, by)
        self.cross -= torch.outer(self.positives, by)
        self.set_total -= torch.outer(self.set_weight, by)
        self.total.copy_(after)
        self.shift += by

    def _places(self, keys: Int[Tensor, " n"], used: Bool[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Where each label set is kept, by its hash; the last place for what is not used or finds none."""
        place, waiting = torch.full_like(keys, _PLACES), used
        step = (keys >> 20) | 1
        for tried in range(_TRIES):
            at = (keys + tried * step) % _PLACES
            free = waiting & (self.set_key[at] == _EMPTY)
            # Of several that want a free place the largest has it.
            self.set_key.scatter_reduce_(0, torch.where(free, at, _PLACES), keys, "amax")
            found = waiting & (self.set_key[at] == keys)
            place, waiting = torch.where(found, at, place), waiting & ~found
        return place

    def _copy(self) -> "LabelSums":
        return LabelSums(*(getattr(self, field.name).clone() for field in fields(self)))


@cache
def _code(labels: int, device: torch.device) -> Int[Tensor, " K"]:
    """A random number for each label; their sum is the hash of a set."""
    drawn = np.random.default_rng(0).integers(-(1 << 63), (1 << 63) - 1, labels, dtype=np.int64)
    return torch.tensor(drawn, device=device)
