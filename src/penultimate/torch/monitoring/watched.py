"""Layers that are looked at and belong to somebody else, and what they answer."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.torch.capturing.layers import head_of
from penultimate.torch.fixed_head import FixedHead, Linear

# Scores of 64 MiB in float32 at once.
_ENTRIES = 1 << 24


class WatchedLayers:
    """Linear layers that a monitor looks at but does not own; a copy of the monitor looks at the same ones.

    Parameters
    ----------
    layers : tuple of nn.Linear or FixedHead
        The one that reads the features first.
    given : Head, optional
        What the layers were made from, where they are nobody's.
    """

    def __init__(self, layers: tuple[Linear, ...], given: Head | None = None) -> None:
        # A tuple, so that a module that holds this does not take them for its own parts.
        self.layers = layers
        self.given = given

    @classmethod
    def from_head(cls, head: Linear | Iterable[nn.Module] | Head, dtype: torch.dtype) -> "WatchedLayers":
        """A `Head`; or a layer, or several in order (an `nn.Sequential` of them), all of them linear."""
        if isinstance(head, Head):
            return cls((FixedHead.from_head(head, dtype=dtype),), head)
        layers: list[Linear] = []
        for layer in (head,) if isinstance(head, Linear) else head:
            if not isinstance(layer, Linear):
                raise FeaturesError(f"the head holds a {type(layer).__name__}: give linear layers (torch.nn.Linear)")
            layers.append(layer)
        return cls(tuple(layers))

    @property
    def head(self) -> Head:
        """The head that they now are, a copy."""
        return head_of(self.layers) if self.given is None else self.given

    def right(self, features: Tensor, labels: Tensor) -> Tensor:
        """Which samples the layers answer with their label, as the layers now stand; their hooks do not run."""
        size = max(1, _ENTRIES // self.layers[-1].weight.shape[0])
        starts = range(0, max(len(features), 1), size)
        answers = [self.scores(features[start : start + size]).argmax(dim=1) for start in starts]
        return torch.cat(answers) == labels

    def scores(self, rows: Tensor) -> Tensor:
        """What the layers answer, as they now stand; their hooks do not run."""
        if self.given is not None:
            self.layers[0].to(rows.device)
        for layer in self.layers:
            rows = nn.functional.linear(rows.to(layer.weight.dtype), layer.weight, layer.bias)
        return rows

    def __deepcopy__(self, memo: dict[int, Any]) -> "WatchedLayers":
        # Where the whole model is being copied, its layers may have been already.
        return WatchedLayers(tuple(memo.get(id(layer), layer) for layer in self.layers), self.given)
