"""Features that a model computes while they are read: with one label a sample, and with several."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penultimate.archives.blocks import block_rows
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array, as_labels
from penultimate.features.head import Head
from penultimate.features.sources.source import Batch, FeatureSource
from penultimate.features.sources.writing import save_features, write_features
from penultimate.torch.capturing.items import called, logits_of
from penultimate.torch.capturing.labelled_items import LabelledItems
from penultimate.torch.capturing.layers import gap
from penultimate.torch.capturing.repeating import Pass
from penultimate.torch.capturing.running import evaluating
from penultimate.torch.capturing.tapping import Tap
from penultimate.torch.fixed_head import Linear


class _Forward(NamedTuple):
    features: torch.Tensor
    logits: torch.Tensor


@dataclass(eq=False, repr=False)
class _Captured(ABC):
    """A model, its head as it was when captured, and a loader; every pass runs the one over the other."""

    head: Head
    names: tuple[str, ...] | None
    dimension: int
    dtype: str
    _digest: str
    _model: nn.Module
    _layers: tuple[Linear, ...]
    _items: LabelledItems
    _first: Pass | None = None

    def __str__(self) -> str:
        return f"features of a {type(self._model).__name__}"

    def __repr__(self) -> str:
        told = "classes" if self._items.several is None else "labels"
        return f"{type(self).__name__}({self}, {self.head.classes} {told}, width {self.dimension}, {self.dtype})"

    @property
    def samples(self) -> int:
        """N; known after a pass, before that the loader is read without the model."""
        if self._first is not None:
            return self._first.samples
        return sum(len(labels) for _, labels, _ in self._items)

    def _blocks(self, start: int) -> Iterator[Batch]:
        seen, held, position, checked = Pass.empty(self.head), list[Batch](), 0, False
        size = block_rows(self.dimension)
        for inputs, labels, kept in self._items:
            begin, position = position, position + len(labels)
            if position <= start:
                continue
            features = self._rows(inputs, kept, check=not checked)
            checked = True
            own = self._checked(labels, begin)
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

    def _rows(self, inputs: Any, kept: NDArray[np.bool_], *, check: bool) -> NDArray[np.floating]:
        forward = self._forward(inputs)
        if check and self._gap(forward) > 1.0:
            raise FeaturesError(
                "W h + b of the captured head is no longer what the model gives: it has changed since; capture it again"
            )
        rows = as_array(forward.features.reshape(-1, self.dimension), "features")
        if len(rows) != len(kept):
            refuse_labels(tuple(forward.features.shape), (len(kept),), self.head.classes)
        return rows if kept.all() else rows[kept]

    def _forward(self, inputs: Any) -> _Forward:
        with evaluating(self._model, self._items.autocast), Tap(self._layers[0]) as tap:
            logits = logits_of(called(self._model, inputs))
            return _Forward(tap.take(), logits)

    def _gap(self, forward: _Forward) -> float:
        autocast = self._items.autocast
        kinds = [layer.weight.dtype for layer in self._layers] + ([] if autocast is None else [autocast])
        return gap(self.head, forward.features, forward.logits, kinds)

    @abstractmethod
    def _checked(self, labels: NDArray[Any], first: int) -> NDArray[np.integer]:
        """Labels of a batch as whole numbers; the first row has this number in messages."""

    def _compare(self, seen: Pass) -> None:
        if self._first is None:
            self._first = seen
        else:
            seen.compare(self._first, half=self.dtype in ("float16", "bfloat16"))


class CapturedFeatures(_Captured):
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

    @property
    def fingerprint(self) -> str:
        """Digest of the head and of the first batch."""
        return self._digest

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Run the model from sample `start` on; blocks hold as many batches of the loader as make some 16 MiB.

        Raises
        ------
        FeaturesError
            When the model or the data have changed since they were captured.
        """
        return self._blocks(start)

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

    def _checked(self, labels: NDArray[Any], first: int) -> NDArray[np.integer]:
        return as_labels(labels, len(labels), self.head.classes)


class CapturedLabelSets(_Captured):
    """Features of samples with several labels each, computed while they are read; made by `capture`.

    They are for `audit_label_sets`, and once they are saved for whatever reads a file. What a pass refuses is as for
    one label a sample.

    Attributes
    ----------
    head : Head
        A copy of the linear layers at the time of capture.
    names : tuple of str or None
        Of the labels.
    dimension : int
        Width of the features, d.
    dtype : str
        Type of the features.
    """

    @property
    def label_count(self) -> int:
        """K."""
        return self.head.classes

    def batches(self) -> Iterator[tuple[NDArray[np.floating], NDArray[np.integer]]]:
        """Run the model over the loader: features (n, d), and 0 or 1 for each label (n, K).

        Raises
        ------
        FeaturesError
            When the model or the data have changed since they were captured, or labels are other than 0 and 1.
        """
        for batch in self._blocks(0):
            yield batch.features, batch.labels

    def save(self, path: "str | os.PathLike[str]", progress: Callable[[int], object] | None = None) -> None:
        """Run the model once and keep features, labels and head in a ``.safetensors`` file, which goes by its path.

        Parameters
        ----------
        path : path-like
            Written whole or not at all. In memory are a block of features, and the labels with a byte for each.
        progress : callable, optional
            Called with the number of rows of every block, for a progress bar.

        Raises
        ------
        FileError
            When the file cannot be written, or its name does not end in .safetensors.
        """
        write_features(self._blocks(0), path, self.dimension, self.head, self.names, progress)

    def _checked(self, labels: NDArray[Any], first: int) -> NDArray[np.integer]:
        return checked_label_sets(labels, first)


def checked_label_sets(labels: NDArray[Any], first: int = 0) -> NDArray[np.integer]:
    """Labels of shape (n, K) as a byte each, which must be 0 or 1; the first row has this number in messages."""
    strange = np.asarray((labels != 0) & (labels != 1))
    if strange.any():
        row, k = np.argwhere(strange)[0]
        raise FeaturesError(
            f"labels hold {labels[row, k]} for label {k} of row {first + row}: give 0 or 1 for each label; soft labels "
            "and real targets are for pen.audit_label_sets(features, targets)"
        )
    return labels.astype(np.uint8)


def refuse_labels(features: tuple[int, ...], labels: tuple[int, ...], classes: int) -> None:
    """Say that labels are neither one for each vector nor K for each."""
    told = f"{labels[0]} labels" if len(labels) == 1 else f"labels of shape {labels}"
    raise FeaturesError(
        f"features of shape {features} entered the head for {told}: give one label for each vector, or of several "
        f"labels a sample 0 or 1 for each of {classes}; through unpack= where the loader gives others"
    )


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return Batch(np.concatenate([batch.features for batch in batches]), np.concatenate([b.labels for b in batches]))
