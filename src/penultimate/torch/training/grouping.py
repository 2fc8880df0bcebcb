"""Parameters of a model in groups for an optimiser: head and backbone, each with its own weight decay."""

from typing import Any

from torch import nn

from penultimate.errors import ProblemError
from penultimate.model.arguments import number
from penultimate.torch.capturing.layers import module_of


def parameter_groups(
    model: nn.Module,
    head: str | nn.Module,
    *,
    weight_decay: float,
    head_weight_decay: float,
    decay_vectors: bool = False,
) -> list[dict[str, Any]]:
    """Split a model's parameters into backbone and head, each with its own weight decay, for any optimiser.

    Parameters
    ----------
    model : nn.Module
        Compiled or wrapped for several devices, or as it is.
    head : str or nn.Module
        The last linear layer, or whatever holds the last ones: the module, or its name in the model.
    weight_decay, head_weight_decay : float
        Of backbone and head, at least 0. The second is what a forecast's ``weight_decay`` is about.
    decay_vectors : bool, default False
        Whether parameters of one dimension, biases and the gains of norms, decay as well. A forecast's free bias does
        not.

    Returns
    -------
    list of dict
        Groups ``backbone``, ``backbone vectors``, ``head``, ``head vectors``, those that are not empty, with ``name``,
        ``params`` and ``weight_decay``. Every parameter of the model stands in one of them, frozen ones too, which
        optimisers pass over. What head and backbone share is the head's.

    Raises
    ------
    FeaturesError
        If the head is not in the model.
    ProblemError
        If the head has no parameters, or a decay is negative or not finite.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    >>> groups = pen.torch.parameter_groups(model, "2", weight_decay=5e-4, head_weight_decay=5e-3)
    >>> [(group["name"], group["weight_decay"], len(group["params"])) for group in groups]
    [('backbone', 0.0005, 1), ('backbone vectors', 0.0, 1), ('head', 0.005, 1), ('head vectors', 0.0, 1)]
    >>> optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    """
    for decay, what in ((weight_decay, "weight_decay"), (head_weight_decay, "head_weight_decay")):
        if number(decay, what) < 0:
            raise ProblemError(f"{what} must be a finite number, at least 0, got {decay}")
    owned = list(module_of(model, head, "head").parameters())
    if not owned:
        raise ProblemError("the head has no parameters, so nothing of it can decay: give the layer that is trained")
    of_head = {id(parameter) for parameter in owned}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in of_head]
    groups = list[dict[str, Any]]()
    for name, parameters, decay in (("backbone", rest, weight_decay), ("head", owned, head_weight_decay)):
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups.append({"name": name, "params": matrices, "weight_decay": decay})
        vector_decay = decay if decay_vectors else 0.0
        groups.append({"name": f"{name} vectors", "params": vectors, "weight_decay": vector_decay})
    return [group for group in groups if group["params"]]
