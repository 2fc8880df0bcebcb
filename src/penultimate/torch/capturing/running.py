"""Running a model without leaving a trace: in evaluation, uncompiled, and afterwards as it was."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import nn

from penultimate.errors import FeaturesError


@contextmanager
def evaluating(model: nn.Module, autocast: torch.dtype | None = None) -> Generator[None]:
    """Evaluation without gradients, in eager mode so that hooks fire; every submodule's mode is given back.

    Parameters
    ----------
    model : nn.Module
    autocast : torch.dtype, optional
        Type of mixed precision.
    """
    modes = [(module, module.training) for module in model.modules()]
    mixed = nullcontext() if autocast is None else torch.autocast(device_of(model).type, autocast)
    # Where the compiler has not been loaded nothing is compiled, and loading it takes seconds.
    eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    try:
        model.eval()
        with torch.no_grad(), eager, mixed:
            yield
    finally:
        for module, training in modes:
            module.training = training


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside ``torch.compile``, `DistributedDataParallel` and `DataParallel`.

    A forward pass through these would wait for other processes, or run replicas that have no hooks.
    """
    # Read through Any: the wrappers' own types are open.
    inner: Any = model
    while True:
        if isinstance(inner, nn.parallel.DistributedDataParallel | nn.DataParallel):
            inner = cast(Any, inner).module
        elif isinstance(getattr(inner, "_orig_mod", None), nn.Module):
            inner = inner._orig_mod
        else:
            return cast(nn.Module, inner)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter lies, with numbers; the CPU for a model without any."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if device.type == "meta":
        raise FeaturesError("the model is on the meta device, where weights have no numbers: load them first")
    return device


def autocast_now(device: torch.device) -> torch.dtype | None:
    """Type of the mixed precision that is on for a device, None when it is off."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
