"""The linear head of a network: what turns penultimate features into logits, and where to find it in a checkpoint."""

import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.sharded import open_checkpoint
from penultimate.counts.class_names import as_names
from penultimate.errors import CountsError, FeaturesError
from penultimate.features.arrays import as_array, as_features
from penultimate.features.blocks import blocks
from penultimate.features.checkpoints.reading import check_chain, read_beside, read_checkpoint, refuse_bias
from penultimate.reported import OneLine

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive

# Scores of 128 MiB at once.
_ENTRIES = 1 << 24
# Networks are trained in numbers between 1e-45 and 3e38; audits take fourth powers of weights, and sums of these.
_BEYOND = 1e70


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
    origin : str, optional
        Which arrays of a checkpoint it was made of, and how; None for heads that were not searched for.

    Raises
    ------
    FeaturesError
        When layers do not fit one another, the bias or the names, or hold NaN, infinity, or numbers beyond 1e70.

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
    origin: str | None = None

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
        return _multiplied(self.weights)

    @property
    def shape(self) -> tuple[int, int]:
        """K and d: those of the `product`."""
        return self.classes, self.dimension

    def __getitem__(self, classes: Any, /) -> NDArray[np.float64]:
        """Rows of the `product` of some classes, by a slice or their numbers, without making it."""
        rows = self.weights[-1][classes].astype(np.float64)
        return rows if self._below is None else rows @ self._below

    def columns(self, chosen: slice) -> NDArray[np.float64]:
        """Some columns of the `product`, without making it."""
        if self._below is None:
            return self.weights[-1][:, chosen].astype(np.float64)
        return self.weights[-1].astype(np.float64) @ self._below[:, chosen]

    @cached_property
    def _below(self) -> NDArray[np.float64] | None:
        """The product of all layers but the last; None where there is one."""
        return _multiplied(self.weights[:-1]) if len(self.weights) > 1 else None

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
        for some in blocks(len(rows), self.classes, _ENTRIES):
            best[some] = np.argmax(self.logits(rows[some]), axis=1)
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
        if (self.dimension, self.classes) == (classes, dimension) and classes != dimension:
            raise FeaturesError(
                f"the head has shape {(self.classes, self.dimension)}, one column for each of the {classes} classes: "
                "transpose it, a head has one row for each"
            )
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
    def read(
        cls,
        path: "str | os.PathLike[str]",
        key: str | None = None,
        *,
        classes: int | None = None,
        dimension: int | None = None,
    ) -> "Head":
        """Read a head from a file or a checkpoint; only its own bytes are read, and no code in it is ever run.

        Parameters
        ----------
        path : path-like
            A file with ``W`` (or ``W_1`` … ``W_L``) and perhaps ``b`` and ``classes``; or a checkpoint: a file
            (.safetensors, .npz, .npy; .onnx and .gguf with the extra ``models``; .pt, .pth, .bin and .ckpt by PyTorch's
            weights_only loader), its folder, or the index of its shards (``model.safetensors.index.json``).
        key : str, optional
            Name of the weight in a checkpoint where several may be the head, or one of another name.
        classes, dimension : int, optional
            K and d, where they are known: then the head may have any name if it alone has K rows, a head tied to the
            embedding is found, and a weight stored as (d, K) is transposed.

        Returns
        -------
        Head

        Raises
        ------
        FileError
            When the file is missing, damaged, or a pickle of more than tensors.
        MissingDependencyError
            When the library that reads it is not installed.
        FeaturesError
            When there is no head in it, or more than one (the message lists them), its arrays do not fit, or they
            are stored in a way that cannot be undone.

        Notes
        -----
        Which weight it is: one with a usual name (fc, classifier, head, lm_head, score, …), whose bias has the same
        name or lies one module above. `origin` says what was taken. Weights of torch's weight and spectral norm, pruned
        ones, and whole numbers or 8-bit floats with scales beside them are multiplied out.

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
        place = Path(path)
        with open_checkpoint(place) as archive:
            try:
                return cls(*read_checkpoint(archive, key, classes, dimension))
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


def head_of(archive: "Archive", dimension: int | None, taken: Collection[str]) -> Head | None:
    """The head beside features: ``W`` or ``W_1`` … ``W_L``, with ``b`` and ``classes``, else a layer's ``weight``.

    Parameters
    ----------
    archive : Archive
        An open file; only these arrays are read.
    dimension : int or None
        Width of the features, where it is known.
    taken : collection of str
        Arrays that are something else.

    Returns
    -------
    Head or None
        None when there is none.

    Raises
    ------
    FeaturesError
        When W_1 … W_L are not all there, several may be it, or the arrays do not fit.
    """
    arrays = read_beside(archive, dimension, taken)
    return None if arrays is None else Head(*arrays)


def _multiplied(layers: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """``W_L ⋯ W_1``."""
    wide = [layer.astype(np.float64) for layer in reversed(layers)]
    return wide[0] if len(wide) == 1 else np.linalg.multi_dot(wide)


def _chained(layers: Sequence[object]) -> tuple[NDArray[np.floating], ...]:
    arrays = tuple(_finite(layer, f"layer {index} of the head") for index, layer in enumerate(layers, start=1))
    check_chain([array.shape for array in arrays])
    sizes = [_largest(array) for array in arrays]
    if all(sizes) and not 1.0 / _BEYOND <= math.prod(sizes) <= _BEYOND:
        raise FeaturesError("the product of the layers is of a size which no training gives: check them")
    return arrays


def _checked_bias(bias: object, classes: int) -> NDArray[np.floating]:
    array = _finite(bias, "the bias of the head")
    if array.shape != (classes,):
        refuse_bias(array.shape, classes)
    return array


def _finite(values: object, what: str) -> NDArray[np.floating]:
    array = as_array(values, what)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    largest = _largest(array)
    if not math.isfinite(largest):
        raise FeaturesError(f"{what} holds NaN or infinity: give the weights of a training that did not diverge")
    if largest and not 1.0 / _BEYOND <= largest <= _BEYOND:
        raise FeaturesError(
            f"{what} has numbers of a size of {largest:.0e}, which no training gives: it is damaged, write it again"
        )
    return array


def _largest(array: NDArray[np.floating]) -> float:
    """The largest size of a number, with no copy of them; not finite if one is not."""
    return max(-float(array.min(initial=0.0)), float(array.max(initial=0.0)))
