"""Writing a head into a model's own last layer: optimisers, monitors and checkpoints go on holding the same layer."""

from collections.abc import Sequence
from itertools import islice
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penultimate.counts.matching import places
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.torch.capturing.layers import module_of, named_modules
from penultimate.torch.capturing.naming import names_of_model
from penultimate.torch.capturing.running import unwrapped
from penultimate.torch.fixed_head import Linear

# How many layers a message lists.
_LISTED = 8
# What makes a computed weight a plain one, by what stands beside it in the layer.
_REMOVED = "parametrize.remove_parametrizations({}, 'weight')"
_UNDONE = {
    "weight_g": "remove_weight_norm({})",
    "weight_u": "remove_spectral_norm({})",
    "weight_mask": "prune.remove({}, 'weight')",
}
# How often each layer was written to: a monitor's start is then no start any more.
_PUT: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def put_head(model: nn.Module, head: Head, layer: str | nn.Module | None = None) -> None:
    """Write a head into the last linear layer of a model, in place.

    The layer stays the same object, so an optimiser, a `FeatureMonitor` or ``save_pretrained`` that knows it goes on
    working. Nothing is written unless all of it fits.

    Parameters
    ----------
    model : nn.Module
        Bare, or in ``torch.compile``, `DistributedDataParallel` (call this in every process) or `DataParallel`.
    head : Head
        Such as ``pen.Head.read("head.npz")``, or ``pen.compare_heads(…).head``. Where both it and the model's
        configuration (``config.id2label``) name the classes, its rows are put in the model's order.
    layer : str or nn.Module, optional
        The layer to write to, by its name in the model or itself; of a head of several layers the first, the others
        follow it. By default the only one with the head's shape.

    Raises
    ------
    FeaturesError
        When no layer has the head's shape, or several have; when the weight is shared with another layer (tied
        embeddings), computed from others (weight norm, pruning), within an adapter (LoRA of PEFT), quantised, or on the
        meta device; when the head has a bias and the layer has none; when the class names are others.

    Notes
    -----
    Weights are rounded to the layer's own type. An optimiser keeps its momentum from before: make a new one to train
    on.

    Examples
    --------
    >>> import numpy as np, torch, penultimate as pen
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> head = pen.Head((np.ones((3, 8)),), bias=np.array([0.0, 1.0, 2.0]))
    >>> pen.torch.put_head(model, head)
    >>> model[2].bias
    Parameter containing:
    tensor([0., 1., 2.], requires_grad=True)
    """
    if not isinstance(head, Head):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise FeaturesError(
            f"{head!r} is no head: give a pen.Head; pen.Head.read(path) reads one, a comparison has one as .head, and "
            "an estimator as .head()"
        )
    inner = unwrapped(model)
    targets = _layers(inner, head, layer)
    order = _order(head, names_of_model(inner, head.classes))
    weights = [*head.weights[:-1], head.weights[-1][order]]
    # Hidden layers' biases are folded into the head's (`head_of`).
    biases = [np.zeros(len(weight)) for weight in weights[:-1]] + [head.offset[order]]
    writes = list[tuple[torch.Tensor, torch.Tensor]]()
    for (name, target), weight, bias in zip(targets.items(), weights, biases, strict=True):
        _check_own(inner, name, target)
        writes.append(_write(name, target.weight, weight))
        if target.bias is not None:
            writes.append(_write(name, target.bias, bias))
        elif bias.any():
            raise FeaturesError(
                f"the head has a bias and the layer {name!r} has none: replace the layer, "
                f"{_written(name)} = pen.torch.FixedHead.from_head(head).to_linear(), or put a head without bias"
            )
    with torch.no_grad():
        for held, new in writes:
            held.copy_(new)
    for target in targets.values():
        _PUT[target] = heads_put(target) + 1


def _written(name: str) -> str:
    """A module of the model, as it is written in Python: members of a ``Sequential`` by their number."""
    return "model" + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in name.split(".") if part)


def heads_put(layer: nn.Module) -> int:
    """How often a head was put into a layer."""
    return _PUT.get(layer, 0)


def _layers(model: nn.Module, head: Head, layer: str | nn.Module | None) -> dict[str, Linear]:
    """The linear layers to write to, by name, the one that reads the features first."""
    linear = {name: module for name, module in named_modules(model).items() if isinstance(module, Linear)}
    wanted, names = [weight.shape for weight in head.weights], list(linear)
    chains = [names[start : start + len(wanted)] for start in range(len(names))]
    fits = [chain for chain in chains if [tuple(linear[name].weight.shape) for name in chain] == wanted]
    if layer is not None:
        module = module_of(model, layer, "layer")
        fits = [chain for chain in fits if linear[chain[0]] is module]
    if len(fits) == 1:
        return {name: linear[name] for name in fits[0]}
    shapes = " and ".join(f"{rows} × {columns}" for rows, columns in wanted)
    if fits:
        several = ", ".join(repr(chain[0]) for chain in fits)
        raise FeaturesError(f"the layers {several} all have the shape of the head, {shapes}: choose one with layer=")
    there = [f"{name!r} ({' × '.join(map(str, linear[name].weight.shape))})" for name in reversed(names)]
    where = "no linear layer of the model" if layer is None else "the layer given"
    raise FeaturesError(
        f"the head is {shapes} (classes × features) and {where} is: the model's linear layers, the last first, are "
        f"{', '.join(islice(there, _LISTED)) or 'none'}"
    )


def _order(head: Head, model_names: Sequence[str] | None) -> NDArray[np.int64]:
    """Which row of the head is the model's class 0, 1, …."""
    if head.names is None or model_names is None:
        return np.arange(head.classes)
    return np.argsort(places(head.names, model_names, "the head", "the model's configuration"))


def _check_own(model: nn.Module, name: str, layer: Linear) -> None:
    """Make sure that the layer's weight is its own: no other layer's, and computed from nothing else."""
    # A fixed head's weight is a buffer.
    own = dict(layer.named_parameters(recurse=False)) | dict(layer.named_buffers(recurse=False))
    # A layer that is pruned has its mask beside it.
    if "weight" not in own or "weight_orig" in own:
        undone = next((call for mark, call in _UNDONE.items() if mark in own), _REMOVED)
        raise FeaturesError(
            f"the weight of {name!r} is computed from other parameters (weight norm, say), which would undo what is "
            f"written: make it a plain one first, torch.nn.utils.{undone.format(_written(name))}"
        )
    if name.rpartition(".")[2] == "base_layer":
        raise FeaturesError(
            f"an adapter (LoRA, say) stands about {name!r} and adds to what it gives: merge it into the layer first, "
            "with PEFT model = model.merge_and_unload()"
        )
    shared = [
        f"{place}.{kind}"
        for place, module in named_modules(model).items()
        for kind, held in module.named_parameters(recurse=False)
        if module is not layer and held is layer.weight
    ]
    if shared:
        raise FeaturesError(
            f"the weight of {name!r} is also {shared[0]!r} (tied weights), which would change with it: untie them "
            f"first, {_written(name)}.weight = torch.nn.Parameter({_written(name)}.weight.detach().clone()), and for a "
            "Hugging Face model set config.tie_word_embeddings = False"
        )


def _write(name: str, held: torch.Tensor, values: NDArray[np.floating]) -> tuple[torch.Tensor, torch.Tensor]:
    """What is written where."""
    if held.is_meta:
        raise FeaturesError(f"the layer {name!r} is on the meta device and holds no numbers: load its weights first")
    if not held.is_floating_point() or held.element_size() < 2:
        raise FeaturesError(
            f"the weights of {name!r} are {held.dtype} (quantised), which cannot hold the head: load the model in "
            "bfloat16, float16 or float32"
        )
    new = torch.as_tensor(values).to(device=held.device, dtype=held.dtype)
    if not bool(new.isfinite().all()):
        raise FeaturesError(f"the head has numbers too large for {held.dtype}, the type of {name!r}: use a wider type")
    return held, new
