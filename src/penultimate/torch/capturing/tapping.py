"""Reading what enters a layer while a model runs."""

from types import TracebackType
from typing import Any

import torch
from torch import nn

from penultimate.errors import FeaturesError


class Tap:
    """Keeps what last entered a layer, for loops that have the labels at hand; close it, or use it in a ``with``.

    Parameters
    ----------
    layer : nn.Module
        Such as the last linear layer: its input are the penultimate features.

    Attributes
    ----------
    times : int
        How often the layer ran since the last `take`.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    >>> with pen.torch.Tap(model[2]) as tap:
    ...     logits = model(torch.ones(4, 3))
    ...     features = tap.take()
    >>> features.shape
    torch.Size([4, 5])
    """

    def __init__(self, layer: nn.Module) -> None:
        self.times = 0
        self._held: torch.Tensor | None = None
        if not isinstance(layer, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise FeaturesError(f"a tap is on a layer, such as model.fc, and not on {layer!r}")
        self._handle = layer.register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.times += 1
        self._held = arguments[0].detach()

    def take(self) -> torch.Tensor:
        """What entered the layer, detached, and forget it.

        Returns
        -------
        Tensor

        Raises
        ------
        FeaturesError
            When the layer has not run since the last call.
        """
        held, self._held, self.times = self._held, None, 0
        if held is None:
            raise FeaturesError(
                "the layer has not run since its features were last taken: run the model first, and make the tap "
                "before the model is compiled"
            )
        return held

    def close(self) -> None:
        """Remove the hook from the layer."""
        self._handle.remove()
        self._held = None

    def __enter__(self) -> "Tap":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
