"""Linear layers at the end of a model, as a head: found by running the model, and proven against its logits.

Every linear layer is watched during one forward pass. Those whose output has the shape of the logits are candidates;
the head is the one for which W h + b, computed here in float64 from what entered it, *is* the logits up to the rounding
of the types involved. A layer that reads another's output unchanged (through dropout in evaluation, say) is its
successor: such a chain is a head of several layers.
"""

import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array
from penultimate.features.head import Head
from penultimate.torch.capturing.tapping import Tap
from penultimate.torch.fixed_head import Linear

# Rows of the first batch that are compared.
_ROWS = 1024
# Rounding of a product is spread like the root of the sum of its squared terms; five times its spread is exceeded once
# in a million, and a unit in the last place is about two of them.
_UNITS = 4.0
# Products of float32 numbers on accelerators may keep ten bits (TF32).
_TF32 = 2.0**-10


class Call(NamedTuple):
    """One run of a linear layer.

    Attributes
    ----------
    name : str
        Qualified name.
    layer : nn.Linear or FixedHead
    shape : tuple of int
        Of its output.
    feeder : int or None
        The earlier call whose output it read unchanged.
    """

    name: str
    layer: Linear
    shape: tuple[int, ...]
    feeder: int | None


class Found(NamedTuple):
    """The head of a model.

    Attributes
    ----------
    layers : tuple of nn.Linear or FixedHead
        The one that reads the features first.
    features : Tensor
        What entered it in the first batch.
    """

    layers: tuple[Linear, ...]
    features: torch.Tensor


def head_of(layers: Sequence[Linear], names: Sequence[str] | None = None) -> Head:
    """Linear layers as a head, copied; biases of hidden layers are folded into the last.

    Parameters
    ----------
    layers : sequence of nn.Linear or FixedHead
        The one that reads the features first.
    names : sequence of str, optional
        Class names.

    Returns
    -------
    Head

    Examples
    --------
    >>> import torch
    >>> from penultimate.torch.capturing.layers import head_of
    >>> head_of([torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)]).product.shape
    (3, 5)
    """
    bias: NDArray[Any] | None = None
    for layer in layers:
        if bias is not None:
            bias = _copied(layer.weight).astype(np.float64) @ bias
        given = cast(torch.Tensor | None, layer.bias)
        if given is not None:
            own = _copied(given)
            bias = own if bias is None else bias + own
    return Head(tuple(_copied(layer.weight) for layer in layers), bias, None if names is None else tuple(names))


def find_head(model: nn.Module, run: Callable[[], torch.Tensor], layer: str | nn.Module | None = None) -> Found:
    """Find the linear layers that make the logits.

    Parameters
    ----------
    model : nn.Module
    run : callable
        Runs the model on one batch and returns the logits.
    layer : str or nn.Module, optional
        The first linear layer of the head; by default the last one of the model.

    Returns
    -------
    Found

    Raises
    ------
    FeaturesError
        When there is no such layer, or several; the message names them.
    """
    calls, logits = _traced(model, run)
    shape = tuple(logits.shape)
    if logits.numel() and not bool(logits.isfinite().any()):
        raise FeaturesError(
            f"the model gives nothing but NaN or infinity on the first batch, in logits of shape {shape}: look at its "
            "inputs and weights, and in half precision at their size"
        )
    chains = _single(calls, shape) if layer is None else _from(_started(model, calls, layer), calls, shape)
    if not chains:
        what = "no linear layer gives" if layer is None else "what follows the layer, linear layers alone, never gives"
        raise FeaturesError(
            f"{what} logits of shape {shape}: {_listed(calls)}; choose another, or wrap the model so that it returns "
            "the output of a linear layer"
        )
    proven, features = _proven(chains, run)
    names = [chain[0].name for chain in proven]
    if not proven:
        tried = ", ".join(" → ".join(repr(call.name) for call in chain) for chain in chains)
        raise FeaturesError(
            f"W h + b of {tried} differs from the model's logits: something else stands between the head and them "
            "(a scale, a softmax, a second branch); wrap the model so that it returns the head's output"
        )
    if len(proven) > 1:
        raise FeaturesError(f"several layers give the logits, {_quoted(names)}: choose one with layer=")
    if layer is None and proven[0][0].feeder is not None:
        raise FeaturesError(
            f"{_quoted(_feeders(calls, proven[0][0]))} follow one another without activation, so the head may begin at "
            "any of them: name the first that you count with it, layer="
        )
    return Found(tuple(call.layer for call in proven[0]), features[id(proven[0][0].layer)])


def gap(head: Head, features: torch.Tensor, logits: torch.Tensor, rounding: Sequence[torch.dtype]) -> float:
    """How far W h + b is from the logits, in units of what rounding explains: at most 1 when they are the same.

    Parameters
    ----------
    head : Head
    features : Tensor of shape (…, d)
    logits : Tensor of shape (…, K)
    rounding : sequence of torch.dtype
        Types that the product went through.

    Returns
    -------
    float
        Infinite when shapes do not fit, no features are finite, or logits of finite ones are not. Rows of other
        features say nothing here; who reads them refuses them.
    """
    rows, given = features.reshape(-1, features.shape[-1]), logits.reshape(-1, logits.shape[-1])
    if len(rows) != len(given) or given.shape[1] != head.classes or rows.shape[1] != head.dimension:
        return float("inf")
    wide, theirs = (as_array(part[:_ROWS], "features").astype(np.float64) for part in (rows, given))
    finite = np.isfinite(wide).all(axis=1)
    if not finite.any():
        return float("inf")
    wide, theirs = wide[finite], theirs[finite]
    ours = head.logits(wide)
    coarse = max(float(torch.finfo(kind).eps) for kind in (features.dtype, logits.dtype, *rounding))
    if features.device.type != "cpu" and coarse > float(torch.finfo(torch.float64).eps):
        coarse = max(coarse, _TF32)
    sums = min(coarse, float(torch.finfo(torch.float32).eps)) * head.dimension
    squares = np.linalg.multi_dot([(wide**2), *[np.asarray(w, np.float64).T ** 2 for w in head.weights]])
    spread = np.sqrt(squares + head.offset**2)
    allowed = (_UNITS * coarse * len(head.weights) + sums) * spread + coarse * np.abs(ours)
    away = np.abs(ours - theirs)
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.where(away == 0, 0.0, away / allowed)
    worst = float(units.max(initial=0.0))
    return worst if np.isfinite(worst) else float("inf")


def _copied(tensor: torch.Tensor) -> NDArray[Any]:
    # NumPy would share memory with weights that go on training.
    return np.array(as_array(tensor, "weights"))


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Modules by qualified name, without the wrappers of ``torch.compile`` in it."""
    modules: dict[str, nn.Module] = dict(cast(Any, model).named_modules())
    return {".".join(part for part in name.split(".") if part != "_orig_mod"): modules[name] for name in modules}


def module_of(model: nn.Module, which: str | nn.Module, what: str) -> nn.Module:
    """A module of a model, by its name or itself.

    Parameters
    ----------
    model : nn.Module
    which : str or nn.Module
    what : str
        What it is, for the message.

    Returns
    -------
    nn.Module

    Raises
    ------
    FeaturesError
        When the model has no such module.
    """
    modules = named_modules(model)
    if isinstance(which, str):
        if which not in modules:
            there = [name for name, module in modules.items() if isinstance(module, Linear)]
            raise FeaturesError(f"the model has no module {which!r}: its linear layers are {_quoted(there) or 'none'}")
        return modules[which]
    if not any(module is which for module in modules.values()):
        raise FeaturesError(
            f"the {what}, of type {type(which).__name__}, is no module of the model: give one that is, or its name"
        )
    return which


def _traced(model: nn.Module, run: Callable[[], torch.Tensor]) -> tuple[list[Call], torch.Tensor]:
    calls: list[Call] = []
    outputs: list[tuple[Callable[[], torch.Tensor | None], int]] = []

    def watch(name: str, layer: Linear) -> Callable[..., None]:
        def note(module: nn.Module, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
            # The same tensor, and not changed in place since.
            same = [
                index
                for index, (held, version) in enumerate(outputs)
                if held() is arguments[0] and version == arguments[0]._version
            ]
            calls.append(Call(name, layer, tuple(output.shape), same[-1] if same else None))
            outputs.append((weakref.ref(output), output._version))

        return note

    with ExitStack() as stack:
        for name, module in named_modules(model).items():
            if isinstance(module, Linear):
                stack.callback(module.register_forward_hook(watch(name, module)).remove)
        logits = run()
    return calls, logits


def _fits(call: Call, shape: tuple[int, ...]) -> bool:
    return call.shape[-1] == shape[-1] and int(np.prod(call.shape)) == int(np.prod(shape))


def _single(calls: Sequence[Call], shape: tuple[int, ...]) -> list[list[Call]]:
    chains = {id(call.layer): [call] for call in calls if _fits(call, shape)}
    return list(chains.values())


def _from(first: int, calls: Sequence[Call], shape: tuple[int, ...]) -> list[list[Call]]:
    """Chains that begin at a call and end in something of the logits' shape."""
    chains, chain, at = list[list[Call]](), [calls[first]], first
    while True:
        if _fits(calls[at], shape):
            chains.append(list(chain))
        after = [index for index, call in enumerate(calls) if call.feeder == at]
        if len(after) != 1:
            return chains
        at = after[0]
        chain.append(calls[at])


def _started(model: nn.Module, calls: Sequence[Call], layer: str | nn.Module) -> int:
    if isinstance(layer, str):
        names = named_modules(model)
        if layer not in names:
            raise FeaturesError(f"the model has no layer {layer!r}: {_listed(calls)}")
        layer = names[layer]
    if not isinstance(layer, Linear):
        raise FeaturesError(f"the layer is of type {type(layer).__name__}, no linear layer: {_listed(calls)}")
    runs = [index for index, call in enumerate(calls) if call.layer is layer]
    if not runs:
        raise FeaturesError(f"the layer did not run: {_listed(calls)}")
    return runs[-1]


def _proven(
    chains: list[list[Call]], run: Callable[[], torch.Tensor]
) -> tuple[list[list[Call]], dict[int, torch.Tensor]]:
    """Of some chains those that make the logits, and what enters the first layer of each."""
    kinds: dict[int, list[torch.dtype]] = {}
    with ExitStack() as stack:
        taps = {id(chain[0].layer): stack.enter_context(Tap(chain[0].layer)) for chain in chains}
        for call in {id(call.layer): call for chain in chains for call in chain}.values():
            kinds[id(call.layer)] = [call.layer.weight.dtype]

            def note(module: nn.Module, _: Any, output: torch.Tensor) -> None:
                kinds[id(module)].append(output.dtype)

            stack.callback(call.layer.register_forward_hook(note).remove)
        logits = run()
        for chain in chains:
            times = taps[id(chain[0].layer)].times
            if times > 1:
                raise FeaturesError(
                    f"{chain[0].name!r} runs {times} times in one forward pass, so it has no single input: give a "
                    "model that runs it once"
                )
        features = {key: tap.take() for key, tap in taps.items()}

    def holds(chain: list[Call]) -> bool:
        head = head_of([call.layer for call in chain])
        rounding = [kind for call in chain for kind in kinds[id(call.layer)]]
        return gap(head, features[id(chain[0].layer)], logits, rounding) <= 1.0

    return [chain for chain in chains if holds(chain)], features


def _feeders(calls: Sequence[Call], call: Call) -> list[str]:
    names = [call.name]
    while call.feeder is not None:
        call = calls[call.feeder]
        names.insert(0, call.name)
    return names


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _listed(calls: Sequence[Call]) -> str:
    if not calls:
        return "no linear layer (torch.nn.Linear) runs in it"
    return f"the linear layers that run are {_quoted(list(dict.fromkeys(call.name for call in calls)))}"
