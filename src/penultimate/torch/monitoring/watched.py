"""Layers that are looked at and belong to somebody else."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.torch.capturing.layers import head_of
from penultimate.torch.fixed_head import Linear


class WatchedLayers:
    """Linear layers that a monitor looks at but does not own; a copy of the monitor looks at the same ones.

    Parameters
    ----------
    layers : tuple of nn.Linear or FixedHead
        The one that reads the features first.
    """

    def __init__(self, layers: tuple[Linear, ...]) -> None:
        # A tuple, so that a module that holds this does not take them for its own parts.
        self.layers = layers

    @classmethod
    def from_modules(cls, head: Linear | Iterable[nn.Module]) -> "WatchedLayers":
        """One layer, or several in order (an `nn.Sequential` of them); anything but linear layers is an error."""
        layers: list[Linear] = []
        for layer in (head,) if isinstance(head, Linear) else head:
            if not isinstance(layer, Linear):
                raise FeaturesError(f"the head holds a {type(layer).__name__}: give linear layers (torch.nn.Linear)")
            layers.append(layer)
        return cls(tuple(layers))

    @property
    def head(self) -> Head:
        """The head that they now are, a copy."""
        return head_of(self.layers)

    def __deepcopy__(self, memo: dict[int, Any]) -> "WatchedLayers":
        # Where the whole model is being copied, its layers may have been already.
        return WatchedLayers(tuple(memo.get(id(layer), layer) for layer in self.layers))
