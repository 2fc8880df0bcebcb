"""Penultimate features of a model as it stands, streamed from it batch by batch."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import nn

from penultimate.archives.blocks import block_rows
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array, as_labels
from penultimate.features.head import Head, checked_names
from penultimate.features.sources.source import Batch, FeatureSource
from penultimate.features.sources.writing import save_features
from penultimate.torch.capturing.items import Unpack, called, logits_of, moved, unpack
from penultimate.torch.capturing.layers import find_head, gap, head_of
from penultimate.torch.capturing.naming import logits_of_labels
from penultimate.torch.capturing.repeating import Pass
from penultimate.torch.capturing.running import autocast_now, device_of, evaluating, unwrapped
from penultimate.torch.capturing.tapping import Tap
from penultimate.torch.fixed_head import Linear


class _Forward(NamedTuple):
    features: torch.Tensor
    logits: torch.Tensor


@dataclass(eq=False, repr=False)
class CapturedFeatures:
    """Features that a model computes while they are read; made by `capture`.

    Every pass runs the model once over the loader. A pass that gives other samples or other features than the first is
    refused, and so is one for which the head no longer gives the model's logits: the model has been trained meanwhile.

    Attributes
    ----------
    head : Head
        A copy of the linear layers at the time of capture.
    names : tuple of str or None
        Class names.
    dimension : int
        Width of the features, d.
    dtype : str
        Type of the features.
    fingerprint : str
        Digest of the head and of the first batch. A loader that shuffles has another each time, so its audits cannot be
        resumed.
    """

    head: Head
    names: tuple[str, ...] | None
    dimension: int
    dtype: str
    fingerprint: str
    _model: nn.Module
    _layers: tuple[Linear, ...]
    _items: "_Items"
    _first: Pass | None = None

    def __str__(self) -> str:
        return f"features of a {type(self._model).__name__}"

    def __repr__(self) -> str:
        return f"CapturedFeatures({self}, {self.head.classes} classes, width {self.dimension}, {self.dtype})"

    @property
    def samples(self) -> int:
        """N; known after a pass, before that the loader is read without the model."""
        if self._first is not None:
            return int(self._first.counts.sum())
        return sum(len(labels) for _, labels, _ in self._items)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Run the model from sample `start` on; blocks hold as many batches of the loader as make some 16 MiB.

        Raises
        ------
        FeaturesError
            When the model or the data have changed since they were captured.
        """
        seen, held, position, checked = Pass.empty(self.head), list[Batch](), 0, False
        size = block_rows(self.dimension)
        for inputs, labels, kept in self._items:
            begin, position = position, position + len(labels)
            if position <= start:
                continue
            features = self._rows(inputs, kept, check=not checked)
            checked = True
            own = self._checked(features, labels)
            seen.add(features, own)
            skipped = max(0, start - begin)
            held.append(Batch(features[skipped:], own[skipped:]))
            # Where a block ends does not depend on where the pass began.
            if position // size > begin // size:
                yield _joined(held)
                held = []
        if held:
            yield _joined(held)
        if start == 0:
            self._compare(seen)

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """The labels of the loader's batches from sample `start` on; the model does not run."""
        position = 0
        for _, labels, _ in self._items:
            begin, position = position, position + len(labels)
            if position > start:
                yield labels[max(0, start - begin) :]

    def shards(self) -> list[FeatureSource]:
        """None: a loader is read in one place.

        Raises
        ------
        FeaturesError
            Always.
        """
        raise FeaturesError(
            "captured features are computed here, from one loader: save() them, and audit the file on a cluster"
        )

    def save(self, path: "str | os.PathLike[str]", progress: Callable[[int], object] | None = None) -> FeatureSource:
        """Run the model once and keep features, labels and head in a ``.safetensors`` file.

        Parameters
        ----------
        path : path-like
            Written whole or not at all, in steps: memory stays bounded.
        progress : callable, optional
            Called with the number of rows of every block, for a progress bar.

        Returns
        -------
        FeatureSource
            The file, for `penultimate.audit`; its path serves later.

        Raises
        ------
        FileError
            When the file cannot be written, or its name does not end in .safetensors.
        """
        return save_features(self, path, progress)

    def _rows(self, inputs: Any, kept: NDArray[np.bool_], *, check: bool) -> NDArray[np.floating]:
        forward = _forward(self._model, self._layers[0], inputs, self._items.autocast)
        if check and _gap(self.head, self._layers, forward, self._items.autocast) > 1.0:
            raise FeaturesError(
                "W h + b of the captured head is no longer what the model gives: it has changed since; capture it again"
            )
        rows = as_array(forward.features.reshape(-1, self.dimension), "features")
        if len(rows) != len(kept):
            _refuse_labels(tuple(forward.features.shape), len(kept))
        return rows if kept.all() else rows[kept]

    def _checked(self, features: NDArray[np.floating], labels: NDArray[Any]) -> NDArray[np.int64]:
        return as_labels(labels, len(features), self.head.classes)

    def _compare(self, seen: Pass) -> None:
        if self._first is None:
            self._first = seen
        else:
            seen.compare(self._first, half=self.dtype in ("float16", "bfloat16"))


def capture(
    model: nn.Module,
    loader: Iterable[Any],
    layer: str | nn.Module | None = None,
    *,
    unpack: Unpack = unpack,
    names: Sequence[str] | None = None,
    ignore_index: int = -100,
) -> CapturedFeatures:
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
        model's device. Labels are whole numbers from 0; of a sequence each position is a sample.
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
        Samples with this label are left out.

    Returns
    -------
    CapturedFeatures
        A source of features with its head.

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
    """
    model = unwrapped(model)
    device = device_of(model)
    items = _Items(loader, unpack, device, ignore_index, autocast_now(device))
    if iter(loader) is loader:
        raise FeaturesError(
            "the loader can be iterated only once and an audit needs two passes: give a DataLoader or a list of batches"
        )
    first = next(iter(items), None)
    if first is None:
        raise FeaturesError("the loader is empty: give one with samples")

    def run() -> torch.Tensor:
        with evaluating(model, items.autocast):
            return logits_of(called(model, first[0]))

    found = find_head(model, run, layer)
    head = head_of(found.layers)
    given = None if names is None else checked_names(names, head.classes)
    known, places = logits_of_labels(given, model, loader, head.classes)
    head = replace(head, names=None if known is None else checked_names(known))
    items = replace(items, places=places)
    features = found.features
    if features.shape[:-1].numel() != len(first[2]):
        _refuse_labels(tuple(features.shape), len(first[2]))
    labels = items.meant(as_labels(first[1], len(first[1]), head.classes))
    return CapturedFeatures(
        head=head,
        names=head.names,
        dimension=head.dimension,
        dtype=str(features.dtype).removeprefix("torch."),
        fingerprint=_digest(head, as_array(features, "features"), labels),
        _model=model,
        _layers=found.layers,
        _items=items,
    )


@dataclass(frozen=True)
class _Items:
    """A loader's items as inputs on the model's device, labels that count, and which of all labels those are."""

    loader: Iterable[Any]
    unpack: Unpack
    device: torch.device
    ignore_index: int
    autocast: torch.dtype | None
    # The logit that each label means, where that is another.
    places: Int[np.ndarray, " K"] | None = None

    def meant(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels by the model's order; what is no label stays as it is, to be refused by its reader."""
        places = self.places
        if places is None or labels.dtype.kind not in "iu":
            return labels
        return np.where((labels >= 0) & (labels < places.size), places[labels.clip(0, places.size - 1)], labels)

    def __iter__(self) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.bool_]]]:
        for item in self.loader:
            inputs, given = self.unpack(item)
            labels = as_array(given, "labels").reshape(-1)
            kept = np.asarray(labels != self.ignore_index)
            yield moved(inputs, self.device), self.meant(labels[kept]), kept


def _forward(model: nn.Module, layer: Linear, inputs: Any, autocast: torch.dtype | None) -> _Forward:
    with evaluating(model, autocast), Tap(layer) as tap:
        logits = logits_of(called(model, inputs))
        return _Forward(tap.take(), logits)


def _gap(head: Head, layers: Sequence[Linear], forward: _Forward, autocast: torch.dtype | None) -> float:
    kinds = [layer.weight.dtype for layer in layers] + ([] if autocast is None else [autocast])
    return gap(head, forward.features, forward.logits, kinds)


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return Batch(np.concatenate([batch.features for batch in batches]), np.concatenate([b.labels for b in batches]))


def _refuse_labels(shape: tuple[int, ...], labels: int) -> None:
    raise FeaturesError(
        f"features of shape {shape} entered the head for {labels} labels: give one label for each vector, "
        "through unpack= where the loader gives others; of several labels a sample gather "
        "FeatureMonitor(…, label_sets=True), and say pen.audit_label_sets(monitor.statistics(), head=monitor.head)"
    )


def _digest(head: Head, features: NDArray[Any], labels: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in (*head.weights, head.offset, features, labels):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
