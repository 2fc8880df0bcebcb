"""What data loaders give and what models return: inputs, labels, logits."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from penultimate.errors import FeaturesError

Unpack = Callable[[Any], tuple[Any, Any]]

_LABELS = ("labels", "label")


def unpack(item: Any) -> tuple[Any, Any]:
    """Inputs and labels of one item of a loader.

    Parameters
    ----------
    item : tuple, list or mapping
        ``(inputs, labels)``, or a mapping with ``labels`` (or ``label``) as Hugging Face gives.

    Returns
    -------
    inputs, labels : object, object

    Raises
    ------
    FeaturesError
        For anything else.

    Examples
    --------
    >>> import torch
    >>> from penultimate.torch.capturing.items import unpack
    >>> unpack({"input_ids": torch.zeros(2, 3), "labels": torch.tensor([0, 1])})[1]
    tensor([0, 1])
    """
    kind = type(item).__name__
    if isinstance(item, Mapping):
        named = cast(Mapping[str, Any], item)
        found = [key for key in _LABELS if key in named]
        if len(found) == 1:
            return {key: value for key, value in named.items() if key != found[0]}, named[found[0]]
        raise FeaturesError(
            f"the loader gives a mapping with {', '.join(map(str, named))}, of which one must be "
            f"{' or '.join(_LABELS)}: give unpack=, a function from an item to (inputs, labels)"
        )
    if isinstance(item, tuple | list) and len(cast(list[Any], item)) == 2:
        inputs, labels = cast(list[Any], item)
        return inputs, labels
    size = f" of {len(cast(list[Any], item))}" if isinstance(item, tuple | list) else ""
    raise FeaturesError(
        f"the loader gives a {kind}{size}, not (inputs, labels): give unpack=, a function from an item "
        "to (inputs, labels)"
    )


def unpacked(unpack: Unpack, item: Any) -> tuple[Any, Any]:
    """What a function of the user's makes of an item, which must be two things.

    Examples
    --------
    >>> from penultimate.torch.capturing.items import unpacked
    >>> unpacked(lambda item: item, (1, 2, 3))
    Traceback (most recent call last):
    ...
    penultimate.errors.FeaturesError: unpack= returned a tuple of 3, and must return (inputs, labels)
    """
    given = cast(Any, unpack(item))
    if isinstance(given, tuple | list) and len(cast(list[Any], given)) == 2:
        inputs, labels = cast(list[Any], given)
        return inputs, labels
    size = f" of {len(cast(list[Any], given))}" if isinstance(given, tuple | list) else ""
    raise FeaturesError(
        f"unpack= returned a {type(cast(object, given)).__name__}{size}, and must return (inputs, labels)"
    )


def moved(value: Any, device: torch.device) -> Any:
    """The same on a device: tensors, what holds tensors, and whatever has a method ``to``."""
    if isinstance(value, Mapping):
        named = cast(Mapping[Any, Any], value)
        return {key: moved(entry, device) for key, entry in named.items()}
    if isinstance(value, tuple | list):
        return [moved(entry, device) for entry in cast(list[Any], value)]
    return value.to(device) if hasattr(value, "to") else value


def called(model: nn.Module, inputs: Any) -> Any:
    """What the model makes of inputs: a mapping is given by name, a tuple or list one by one."""
    if isinstance(inputs, Mapping):
        return model(**cast(Mapping[str, Any], inputs))
    if isinstance(inputs, tuple | list):
        return model(*cast(list[Any], inputs))
    return model(inputs)


def logits_of(output: Any) -> torch.Tensor:
    """The logits in what a model returns.

    Parameters
    ----------
    output : Tensor, object with ``logits``, mapping with ``logits``, or tuple that begins with one of these

    Returns
    -------
    Tensor

    Raises
    ------
    FeaturesError
        For anything else.

    Examples
    --------
    >>> import torch
    >>> from penultimate.torch.capturing.items import logits_of
    >>> logits_of({"loss": torch.tensor(0.5), "logits": torch.ones(1, 2)})
    tensor([[1., 1.]])
    """
    kind = type(output).__name__
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping) and "logits" in output:
        return logits_of(output["logits"])
    inside: Any = getattr(cast(object, output), "logits", None)
    if inside is not None:
        return logits_of(inside)
    if isinstance(output, tuple | list) and output:
        return logits_of(cast(list[Any], output)[0])
    raise FeaturesError(f"the model returns a {kind} without logits: wrap the model so that it returns them")
