"""The linear head of a network: what turns penultimate features into logits, and where to find it in a checkpoint."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.class_names import as_names
from penultimate.errors import CountsError, FeaturesError, FileError
from penultimate.features.arrays import as_array, as_features
from penultimate.reported import OneLine

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive

# What the libraries of models call the weight of their last layer; a number may follow (torchvision's classifier.1).
_USUAL = re.compile(
    r"(?:^|\.)(?:fc|classifier|head|head\.fc|lm_head|linear|last_linear|logits|output)(?:\.\d+)?\.weight$"
)
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
# Scores of 128 MiB at once.
_ENTRIES = 1 << 24
# How many names a message lists.
_LISTED = 12


@dataclass(frozen=True, eq=False, repr=False)
class Head(OneLine):
    """One or several linear layers without activations between them, and the bias of the last.

    Parameters
    ----------
    weights : tuple of ndarray
        W_1 … W_L, the layer that reads the features first, each of shape (out, in) as in PyTorch.
    bias : ndarray of shape (K,), optional
        None is a head without bias.
    names : tuple of str, optional
        Class names, one for each row of the last layer.

    Raises
    ------
    FeaturesError
        When layers do not fit one another, the bias or the names, or hold NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.head import Head
    >>> head = Head((np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),), bias=np.array([0.0, 0.0, 0.5]))
    >>> head.classes, head.dimension
    (3, 2)
    >>> head.logits(np.array([[1.0, 2.0]])), head.predict(np.array([[1.0, 2.0]]))
    (array([[1. , 4. , 3.5]]), array([1]))
    """

    weights: tuple[NDArray[np.floating], ...]
    bias: NDArray[np.floating] | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        # Frozen for its users; here its fields take their checked form.
        object.__setattr__(self, "weights", _chained(self.weights))
        if self.bias is not None:
            object.__setattr__(self, "bias", _checked_bias(self.bias, self.classes))
        if self.names is not None:
            object.__setattr__(self, "names", checked_names(self.names, self.classes))

    @property
    def classes(self) -> int:
        """K, rows of the last layer."""
        return self.weights[-1].shape[0]

    @property
    def dimension(self) -> int:
        """Width of the features, columns of the first layer."""
        return self.weights[0].shape[1]

    @cached_property
    def product(self) -> NDArray[np.float64]:
        """``W_L ⋯ W_1``, shape (K, d), float64."""
        wide = [layer.astype(np.float64) for layer in reversed(self.weights)]
        return wide[0] if len(wide) == 1 else np.linalg.multi_dot(wide)

    @cached_property
    def offset(self) -> NDArray[np.float64]:
        """The bias, or zeros, shape (K,), float64."""
        return np.zeros(self.classes) if self.bias is None else self.bias.astype(np.float64)

    def logits(self, features: object) -> NDArray[np.floating]:
        """Scores of every class.

        Parameters
        ----------
        features : array-like of shape (N, d)

        Returns
        -------
        ndarray of shape (N, K)
            float64 for float64 features, else float32.

        Raises
        ------
        FeaturesError
            When the features have another width or are no numbers.
        """
        rows = as_features(features, self.dimension)
        if rows.dtype.type is np.float64:
            return rows @ self.product.T + self.offset
        weight, offset = self._narrow
        return rows.astype(np.float32, copy=False) @ weight.T + offset

    def predict(self, features: object) -> NDArray[np.int64]:
        """The class that scores highest, the first of those that tie.

        Parameters
        ----------
        features : array-like of shape (N, d)

        Returns
        -------
        ndarray of shape (N,), int64

        Raises
        ------
        FeaturesError
            When the features have another width or are no numbers.
        """
        rows = as_features(features, self.dimension)
        best = np.empty(len(rows), dtype=np.int64)
        step = max(1, _ENTRIES // self.classes)
        for start in range(0, len(rows), step):
            best[start : start + step] = np.argmax(self.logits(rows[start : start + step]), axis=1)
        return best

    def check(self, classes: int, dimension: int) -> None:
        """Make sure that the head belongs to these classes and features.

        Parameters
        ----------
        classes, dimension : int
            K and d of the features.

        Raises
        ------
        FeaturesError
            When it has other classes or reads another width.
        """
        if self.dimension != dimension:
            raise FeaturesError(
                f"the head reads features of width {self.dimension} and these have width {dimension}: "
                "give the features that enter it"
            )
        if self.classes != classes:
            raise FeaturesError(
                f"the head has {self.classes} classes and the data has {classes}: give the head and labels of one task"
            )

    @cached_property
    def _narrow(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.product.astype(np.float32), self.offset.astype(np.float32)

    @classmethod
    def read(cls, path: "str | os.PathLike[str]", key: str | None = None) -> "Head":
        """Read a head from ``.npz`` or ``.safetensors``; nothing is ever unpickled.

        Parameters
        ----------
        path : path-like
            A file with ``W`` (or ``W_1`` … ``W_L``) and perhaps ``b`` and ``classes``, or a checkpoint with exactly one
            weight whose name is a usual one: fc.weight, classifier.weight, head.weight, lm_head.weight ….
        key : str, optional
            Name of the weight in a checkpoint that has several such, or another. Its bias is the array named
            ``….bias`` where the weight is named ``….weight``.

        Returns
        -------
        Head

        Raises
        ------
        FileError
            When the file is missing, damaged, or a pickle.
        FeaturesError
            When there is no head in it, or more than one (the message lists them), or its arrays do not fit.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from penultimate.features.head import Head
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.npz")
        >>> np.savez(path, **{"conv.weight": np.ones((2, 2, 3, 3)), "fc.weight": np.eye(2), "fc.bias": [0.0, 1.0]})
        >>> Head.read(path).bias
        array([0., 1.])
        """
        from penultimate.archives.formats import open_archive

        place = Path(path)
        if place.suffix.casefold() in _PICKLES:
            raise FileError(
                f"{place}: this is a pickle, which can run any code and is never loaded: load it where you trust it "
                "and write its state_dict with safetensors.torch.save_file"
            )
        with open_archive(place, (".npz", ".safetensors")) as archive:
            try:
                return (head_of(archive) if key is None else None) or _of_checkpoint(archive, key)
            except FeaturesError as error:
                raise FeaturesError(f"{place}: {error}") from None


def checked_names(names: object, classes: int | None = None) -> tuple[str, ...]:
    """Class names as texts, each given once.

    Parameters
    ----------
    names : iterable of str or int
    classes : int, optional
        How many are expected.

    Returns
    -------
    tuple of str

    Raises
    ------
    FeaturesError
        When a name is neither text nor a whole number, or is given twice, or there are more or fewer than classes.
    """
    try:
        texts = tuple(as_names(cast(Sequence[object], names)))
    except CountsError as error:
        raise FeaturesError(str(error)) from None
    if classes is not None and len(texts) != classes:
        raise FeaturesError(f"there are {len(texts)} class names for the {classes} classes of the head: give one each")
    return texts


def head_of(archive: "Archive") -> Head | None:
    """The head among named arrays: ``W`` or ``W_1`` … ``W_L``, with ``b`` and ``classes``; None when there is no W.

    Parameters
    ----------
    archive : Archive
        An open file; only these arrays are read.

    Returns
    -------
    Head or None

    Raises
    ------
    FeaturesError
        When W_1 … W_L are not all there, or the arrays do not fit.
    """
    names = archive.names()
    numbers = sorted(int(name[2:]) for name in names if re.fullmatch(r"W_[1-9]\d*", name))
    if "W" in names and numbers:
        raise FeaturesError("both W and W_1 … W_L are there: keep the one or the others")
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        there = ", ".join(f"W_{number}" for number in numbers)
        raise FeaturesError(f"of the layers there are only {there}: give W_1 … W_L, none left out")
    if "W" not in names and not numbers:
        return None
    keys = ["W"] if "W" in names else [f"W_{number}" for number in numbers]
    return _built(archive, keys, "b")


def _of_checkpoint(archive: "Archive", key: str | None) -> Head:
    weight = _candidate(archive) if key is None else key
    if weight not in archive.names():
        raise FeaturesError(f"there is no {weight!r}: give one of {_listed(archive.names())}")
    return _built(archive, [weight], "b" if weight == "W" else re.sub(r"weight$", "bias", weight))


def _candidate(archive: "Archive") -> str:
    usual = _matrices(archive, [name for name in archive.names() if _USUAL.search(name) or name == "weight"])
    if len(usual) > 1:
        raise FeaturesError(f"several weights may be the head, {_listed(usual)}: choose one with key=")
    if not usual:
        raise FeaturesError(
            f"there is no W and no weight with a usual name of a head; the matrices are "
            f"{_listed(_matrices(archive, archive.names()))}: choose one with key="
        )
    return usual[0]


def _matrices(archive: "Archive", names: Sequence[str]) -> list[str]:
    return [name for name in names if len(archive.layout(name).shape) == 2]


def _built(archive: "Archive", keys: Sequence[str], bias: str) -> Head:
    # Shapes first: a file that lies about them is refused before anything is allocated.
    shapes = [archive.layout(key).shape for key in keys]
    _check_chain(shapes)
    classes = shapes[-1][0]
    has_bias = bias in archive.names() and bias not in keys
    if has_bias and archive.layout(bias).shape != (classes,):
        _refuse_bias(archive.layout(bias).shape, classes)
    names = archive.classes()
    return Head(
        tuple(archive.read(key) for key in keys),
        archive.read(bias) if has_bias else None,
        None if names is None else cast(Any, names),
    )


def _chained(layers: Sequence[object]) -> tuple[NDArray[np.floating], ...]:
    arrays = tuple(_finite(layer, f"layer {index} of the head") for index, layer in enumerate(layers, start=1))
    _check_chain([array.shape for array in arrays])
    return arrays


def _check_chain(shapes: Sequence[tuple[int, ...]]) -> None:
    if not shapes:
        raise FeaturesError("the head has no layers: give at least one matrix")
    for index, shape in enumerate(shapes, start=1):
        if len(shape) != 2 or not all(shape):
            raise FeaturesError(f"layer {index} of the head has shape {shape}: give matrices of shape (out, in)")
    for index, (below, above) in enumerate(pairwise(shapes), start=1):
        if above[1] != below[0]:
            raise FeaturesError(
                f"layer {index} of the head has shape {below} and layer {index + 1} has {above}: "
                "each must read as many numbers as the one before gives"
            )


def _checked_bias(bias: object, classes: int) -> NDArray[np.floating]:
    array = _finite(bias, "the bias of the head")
    if array.shape != (classes,):
        _refuse_bias(array.shape, classes)
    return array


def _refuse_bias(shape: tuple[int, ...], classes: int) -> None:
    raise FeaturesError(f"the bias of the head has shape {shape} for {classes} classes: give one number for each")


def _finite(values: object, what: str) -> NDArray[np.floating]:
    array = as_array(values, what)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise FeaturesError(f"{what} holds NaN or infinity: give the weights of a training that did not diverge")
    return array


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED]) or "(none)"
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
