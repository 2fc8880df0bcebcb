"""What a head is that bends: a linear one, and Gaussian bumps about landmarks; its sums, and its file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.archives.sealed import seal, unseal
from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features
from penultimate.features.head import Head
from penultimate.files import write_whole
from penultimate.heads.kernel_onnx import as_onnx
from penultimate.probabilities.deciding import answers
from penultimate.reported import OneLine

if TYPE_CHECKING:
    from penultimate.probabilities.given import Given

_KIND = "penultimate kernel head 1"
# Distances of 64 MiB at once.
_ENTRIES = 1 << 23


@dataclass(frozen=True, eq=False, repr=False)
class KernelHead(OneLine):
    """Scores ``s = W h + b + A k(h)``, with ``k_j(h) = exp(−‖h − z_j‖² / (2 σ_j²))`` for m landmarks z.

    What `NystroemHead` and ``BestHead(linear=False)`` come to. A network's last layer cannot take it; it is kept in a
    file of its own, and answers by itself.

    Parameters
    ----------
    linear : Head
        W and b.
    landmarks : ndarray of shape (m, d)
    widths : ndarray of shape (m,)
        σ of each.
    coefficients : ndarray of shape (K, m)
        A.

    Raises
    ------
    FeaturesError
        When the arrays do not fit one another, hold NaN or infinity, or a width is not positive.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> flat = pen.Head((np.zeros((2, 1)),), np.array([0.0, 0.5]))
    >>> head = pen.heads.KernelHead(flat, np.array([[2.0]]), np.array([1.0]), np.array([[1.0], [0.0]]))
    >>> head.predict(np.array([[0.0], [2.0]]))
    array([1, 0])
    """

    linear: Head
    landmarks: NDArray[np.floating]
    widths: NDArray[np.floating]
    coefficients: NDArray[np.floating]

    def __post_init__(self) -> None:
        number = len(self.landmarks)
        held = {
            "landmarks": (self.landmarks, (number, self.dimension)),
            "widths": (self.widths, (number,)),
            "coefficients": (self.coefficients, (self.classes, number)),
        }
        for what, (array, shape) in held.items():
            if array.shape != shape or not number:
                raise FeaturesError(f"{what} have shape {array.shape} for a head of {number} landmarks: give {shape}")
            if not np.isfinite(array).all():
                raise FeaturesError(f"{what} hold NaN or infinity: give finite numbers")
        if not (self.widths > 0).all():
            raise FeaturesError(f"the smallest of the widths is {self.widths.min():g}: give positive numbers")

    @property
    def classes(self) -> int:
        """K."""
        return self.linear.classes

    @property
    def dimension(self) -> int:
        """Width of the features."""
        return self.linear.dimension

    @property
    def names(self) -> tuple[str, ...] | None:
        """Of the classes, where they have any."""
        return self.linear.names

    def logits(self, features: object) -> Float[np.ndarray, "N K"]:
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
        scores = self.linear.logits(rows)
        step = max(1, _ENTRIES // len(self.landmarks))
        coefficients = self.coefficients.T.astype(scores.dtype)
        for start in range(0, len(rows), step):
            part = rows[start : start + step].astype(scores.dtype)
            scores[start : start + step] += bumps(part, self.landmarks, self.widths) @ coefficients
        return scores

    def predict(self, features: object, costs: "Given | None" = None) -> Int[np.ndarray, " N"]:
        """The class that scores highest, or that costs least.

        Parameters
        ----------
        features : array-like of shape (N, d)
        costs : array-like of shape (K, K), data frame or path, optional
            As of `decide`.

        Returns
        -------
        ndarray of shape (N,), int64

        Raises
        ------
        FeaturesError
            When the features have another width or are no numbers.
        ProblemError
            When the costs do not fit.
        """
        return answers(self.logits(features), costs, self.names or NumberedNames(self.classes))

    def save(self, path: "os.PathLike[str] | str", names: Sequence[str] | None = None) -> None:
        """Write it in float32, whole or not at all.

        Parameters
        ----------
        path : path-like
            Ends in ``.safetensors``, which `KernelHead.read` reads; or in ``.onnx``, a graph from ``features`` to
            ``scores`` and ``probabilities``.
        names : sequence of str, optional
            Of the classes; by default its own.

        Raises
        ------
        FeaturesError
            When the file's name ends otherwise.
        FileError
            When the file cannot be written.
        MissingDependencyError
            For ``.onnx`` without onnx.
        """
        named = self.names if names is None else tuple(names)
        if Path(path).suffix == ".onnx":
            write_whole(path, as_onnx(self.linear, self.landmarks, self.widths, self.coefficients, named))
            return
        if Path(path).suffix != ".safetensors":
            raise FeaturesError(f"{path}: a kernel head is written as .safetensors or .onnx: give a name that ends so")
        # W beside A in one array: read as a head, neither would be one.
        arrays = {
            "landmarks": self.landmarks,
            "widths": self.widths,
            "rows": np.concatenate([self.linear.product, self.coefficients], axis=1),
            "biases": self.linear.offset,
        }
        note = {} if named is None else {"classes": json.dumps(named)}
        write_whole(path, seal(_KIND, {name: array.astype(np.float32) for name, array in arrays.items()}, note))

    @classmethod
    def read(cls, path: "os.PathLike[str] | str") -> "KernelHead":
        """Read what `save` wrote; no code in it is ever run.

        Raises
        ------
        FileError
            When it is missing, damaged or something else.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import numpy as np, penultimate as pen
        >>> path = pathlib.Path(tempfile.mkdtemp(), "head.safetensors")
        >>> flat = pen.Head((np.zeros((2, 1)),), names=("cat", "dog"))
        >>> pen.heads.KernelHead(flat, np.array([[2.0]]), np.array([1.0]), np.array([[1.0], [0.0]])).save(path)
        >>> pen.heads.KernelHead.read(path).names
        ('cat', 'dog')
        """
        arrays, note = unseal(path, _KIND)
        rows, landmarks = arrays["rows"], arrays["landmarks"]
        width = landmarks.shape[1]
        names = tuple(json.loads(note["classes"])) if "classes" in note else None
        linear = Head((rows[:, :width],), arrays["biases"], names)
        return cls(linear, landmarks, arrays["widths"], rows[:, width:])


AnyHead = Head | KernelHead
H = TypeVar("H", bound=AnyHead)


def added(heads: Sequence[AnyHead], shares: Sequence[float]) -> AnyHead:
    """The head whose scores are a weighted sum of those of several; it is linear where all are.

    Parameters
    ----------
    heads : sequence of Head or KernelHead
    shares : sequence of float
        One for each.

    Returns
    -------
    Head or KernelHead
    """
    lines = [one.linear if isinstance(one, KernelHead) else one for one in heads]
    product = sum(share * line.product for share, line in zip(shares, lines, strict=True))
    offset = sum(share * line.offset for share, line in zip(shares, lines, strict=True))
    linear = Head((np.asarray(product),), np.asarray(offset), lines[0].names)
    # What weighs nothing needs no room.
    bent = [(share, one) for share, one in zip(shares, heads, strict=True) if share and isinstance(one, KernelHead)]
    if not bent:
        return linear
    return KernelHead(
        linear,
        np.concatenate([one.landmarks for _, one in bent]),
        np.concatenate([one.widths for _, one in bent]),
        np.concatenate([share * one.coefficients for share, one in bent], axis=1),
    )


def as_kernel(head: AnyHead) -> KernelHead:
    """The same head; a linear one has a single bump, of no height."""
    if isinstance(head, KernelHead):
        return head
    return KernelHead(head, np.zeros((1, head.dimension)), np.ones(1), np.zeros((head.classes, 1)))


def renamed(head: H, names: tuple[str, ...] | None) -> H:
    """The same head with other class names."""
    if isinstance(head, KernelHead):
        return replace(head, linear=replace(head.linear, names=names))
    return replace(head, names=names)


def bumps(
    rows: Float[np.ndarray, "N d"], landmarks: NDArray[np.floating], widths: NDArray[np.floating]
) -> Float[np.ndarray, "N m"]:
    """The Gaussian kernel of every row and landmark, in the precision of the rows."""
    # About a point among them, so that little is lost in the difference of large squares.
    centre = landmarks.mean(axis=0)
    near, marks = rows - centre.astype(rows.dtype), (landmarks - centre).astype(rows.dtype)
    squares = np.square(near).sum(axis=1)[:, None] + np.square(marks).sum(axis=1) - 2.0 * (near @ marks.T)
    np.maximum(squares, 0.0, out=squares)
    squares /= (-2.0 * np.square(widths)).astype(rows.dtype)
    return np.exp(squares, out=squares)
