"""Penultimate features of a model as it stands, streamed from it batch by batch."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array, as_labels
from penultimate.features.head import Head, checked_names
from penultimate.torch.capturing.captured import CapturedFeatures, CapturedLabelSets, checked_label_sets, refuse_labels
from penultimate.torch.capturing.items import Unpack, called, logits_of, moved, unpack, unpacked
from penultimate.torch.capturing.labelled_items import LabelledItems
from penultimate.torch.capturing.layers import find_head, head_of
from penultimate.torch.capturing.naming import logits_of_labels
from penultimate.torch.capturing.running import autocast_now, device_of, evaluating, unwrapped


def capture(
    model: nn.Module,
    loader: Iterable[Any],
    layer: str | nn.Module | None = None,
    *,
    unpack: Unpack = unpack,
    names: Sequence[str] | None = None,
    ignore_index: int = -100,
) -> CapturedFeatures | CapturedLabelSets:
    """Take the penultimate features of a model over a loader: ``pen.audit(pen.torch.capture(model, loader))``.

    The model runs on one batch now, and once over the loader in each pass of what reads the features, two for an audit;
    no more than a block of features is held. It runs in evaluation mode, without gradients, uncompiled, where it is.
    After every batch its submodules have their modes again and the hook is gone, whatever happens.

    Parameters
    ----------
    model : nn.Module
        Bare, or in ``torch.compile``, `DistributedDataParallel` or `DataParallel`, which are left aside: every process
        captures what its own loader gives.
    loader : iterable
        Gives batches anew each time it is iterated: ``(inputs, labels)`` or mappings with ``labels``. Inputs go to the
        model's device. Labels are whole numbers from 0; of a sequence each position is a sample. Labels of the shape of
        the logits are 0 or 1 for each: samples with several labels.
    layer : str or nn.Module, optional
        First linear layer of the head, by qualified name or itself; by default the last one of the model. Where several
        follow one another without activation it must be given; what follows it belongs to the head.
    unpack : callable, optional
        From an item of the loader to ``(inputs, labels)``, for items of another form. Inputs that are a tuple, list or
        mapping are given to the model one by one or by name.
    names : sequence of str, optional
        Class names, in the order of the labels. By default those of the loader's data set (``classes`` in torchvision,
        a ``ClassLabel`` of Hugging Face), else those of the model (``config.id2label``). Where data set and model name
        the same classes in another order, labels are put in the model's.
    ignore_index : int, default −100
        Samples with this label are left out; of several labels, where any is this.

    Returns
    -------
    CapturedFeatures or CapturedLabelSets
        Features with their head: a source for `audit` and all that reads features; of several labels a sample for
        `audit_label_sets`. Both have ``save()``.

    Raises
    ------
    FeaturesError
        When the head cannot be found, when W h + b is not what the model gives for the first batch (up to the rounding
        of its types), for items, outputs and labels that cannot be read, and when data set and model name
        other classes.

    Notes
    -----
    Mixed precision that is on when this is called (``with torch.autocast(…):``) is used in every pass. Causal language
    models are given labels that their loss shifts by one; shift them in `unpack`.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    >>> data = torch.utils.data.TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    >>> loader = torch.utils.data.DataLoader(data, batch_size=16)
    >>> features = pen.torch.capture(model, loader)
    >>> features.samples, features.dimension, features.head.classes
    (40, 5, 2)
    >>> pen.audit(features, weight_decay=5e-4).statistics.counts
    array([20., 20.])

    Several labels a sample:

    >>> batches = [(torch.randn(20, 3), torch.arange(40).reshape(20, 2) % 3 == 0) for _ in range(2)]
    >>> pen.audit_label_sets(pen.torch.capture(model, batches)).targets.positives
    array([14., 14.])
    """
    model = unwrapped(model)
    device = device_of(model)
    items = LabelledItems(loader, unpack, device, ignore_index, autocast_now(device))
    if iter(loader) is loader:
        raise FeaturesError(
            "the loader can be iterated only once and an audit needs two passes: give a DataLoader or a list of batches"
        )
    first = next(iter(loader), None)
    if first is None:
        raise FeaturesError("the loader is empty: give one with samples")
    inputs, labels = unpacked(unpack, first)
    inputs = moved(inputs, device)

    def run() -> torch.Tensor:
        with evaluating(model, items.autocast):
            return logits_of(called(model, inputs))

    found = find_head(model, run, layer)
    head = head_of(found.layers)
    given = None if names is None else checked_names(names, head.classes)
    known, places = logits_of_labels(given, model, loader, head.classes)
    head = replace(head, names=None if known is None else checked_names(known))
    features, shape = found.features, as_array(labels, "labels").shape
    several = shape == (*features.shape[:-1], head.classes)
    if not several and np.prod(shape) != features.shape[:-1].numel():
        refuse_labels(tuple(features.shape), shape, head.classes)
    if not several and head.classes == 1:
        raise FeaturesError(
            "the model has one output, a single label that a sample has or has not: give labels of shape (…, 1), 0 or "
            "1, for pen.audit_label_sets; through unpack= where the loader gives others"
        )
    items = replace(items, several=head.classes if several else None, places=places)
    own = items.labels(labels)[0]
    checked = checked_label_sets(own) if several else as_labels(own, len(own), head.classes)
    return (CapturedLabelSets if several else CapturedFeatures)(
        head=head,
        names=head.names,
        dimension=head.dimension,
        dtype=str(features.dtype).removeprefix("torch."),
        _digest=_digest(head, as_array(features, "features"), checked),
        _model=model,
        _layers=found.layers,
        _items=items,
    )


def _digest(head: Head, features: NDArray[Any], labels: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in (*head.weights, head.offset, features, labels):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
