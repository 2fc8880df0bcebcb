"""The rows of a head as they are compared: centred, in float64, and never more than a block of them at a time.

A published head may have 256,000 classes and 4,096 features in half precision. Nothing here takes K × K numbers, nor a
float64 copy of the head: memory beyond the head itself is O(K + d²).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import coo_array

from penultimate.audits.head_noise import HeadNoise, head_noise
from penultimate.features.blocks import blocks, slices
from penultimate.features.head import Head
from penultimate.features.metrics.sweeping import WORK, Leading
from penultimate.noise.row_directions import Shifted
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD

# Numbers of a block of rows, of columns, or of a table of cosines: 32 MiB in float64.
_ENTRIES = 1 << 22
# Rows and columns of one table of cosines.
_TABLE = (1024, 4096)
# A row shorter than this part of the longest is rounding of single precision.
_NOTHING = 1e-7


@dataclass(frozen=True, repr=False)
class Neighbours(OneLine):
    """Which rows are nearest to which, and which point alike.

    Attributes
    ----------
    compared : ndarray of shape (c,)
        Classes whose row was compared with every other.
    nearest : ndarray of shape (c,)
        For each of them the class whose row has the largest cosine; −1 where there is none.
    cosine : ndarray of shape (c,)
        That cosine; NaN where there is none.
    merged : tuple of ndarray
        Groups of classes whose rows have at least the cosine asked for, directly or through others, largest first.
    """

    compared: Int[np.ndarray, " c"]
    nearest: Int[np.ndarray, " c"]
    cosine: Float[np.ndarray, " c"]
    merged: tuple[Int[np.ndarray, " _g"], ...]


class HeadRows:
    """Rows of ``W_L ⋯ W_1`` of some classes, less what they have along a shift of all logits, such as their mean row.

    Parameters
    ----------
    head : Head
        One or several linear layers.
    classes : ndarray of shape (s,)
        Which rows count: those of classes with training samples.
    shift : ndarray of shape (K,) or None
        The shift that is taken off: of ones, the plain mean row.
    mean : ndarray of shape (d,), optional
        What is taken off, times the shift; by default that of these rows.

    Attributes
    ----------
    mean : ndarray of shape (d,)
        What was taken off, times the shift; zero without one.
    norms : ndarray of shape (s,)
        Length of every row.
    gram : ndarray
        ``W Wᵀ`` (s × s) where there are no more classes than features, else ``WᵀW`` (d × d).
    """

    def __init__(
        self,
        head: Head,
        classes: Int[np.ndarray, " s"],
        shift: Float[np.ndarray, " K"] | None,
        mean: Float[np.ndarray, " d"] | None = None,
    ) -> None:
        self._head = head
        self.classes = classes
        self.dimension = head.dimension
        self.shift = np.zeros(head.classes) if shift is None else shift
        self.mean = np.zeros(head.dimension) if mean is None else mean
        if shift is not None and mean is None:
            total = np.zeros(head.dimension)
            for place, rows in self.blocks():
                total += shift[classes[place]] @ rows
            self.mean = total / float(np.sum(shift[classes] ** 2))
        self.norms, self.gram = self._measured()

    @cached_property
    def noise(self) -> HeadNoise:
        """Directions of the rows above the noise, and which rows are the same."""
        stored = self._head.weights[0] if len(self._head.weights) == 1 else self._head[:]
        return head_noise(Shifted(stored, self.shift, self.mean).taken(self.classes))

    def blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "b d"]]]:
        """Rows a block at a time, with their places among `classes`."""
        for place in self._places():
            yield place, self.rows(self.classes[place])

    def rows(self, classes: Int[np.ndarray, " b"]) -> Float[np.ndarray, "b d"]:
        """The rows of some classes."""
        return self._head[classes] - self.shift[classes][:, None] * self.mean

    def project(
        self, svd: GroupedSVD, count: int, classes: Int[np.ndarray, " s"] | slice = slice(None)
    ) -> Float[np.ndarray, "r d"]:
        """``UᵀW`` along the leading directions, shape (count, d), from some columns of W at a time.

        `classes` are those that the directions are of.
        """
        out = np.empty((count, self.dimension))
        for columns in blocks(self.dimension, self._head.classes, _ENTRIES):
            centred = self._head.columns(columns)[classes] - self.shift[classes, None] * self.mean[columns]
            out[:, columns] = svd.project("left", centred, count)
        return out

    @cached_property
    def singular_values(self) -> Float[np.ndarray, " r"]:
        """Largest first, min(s, d) of them; what is below 1e-8 of the largest is rounding."""
        return np.sqrt(np.maximum(np.linalg.eigvalsh(self.gram)[::-1], 0.0))

    @cached_property
    def unit_gram(self) -> Float[np.ndarray, "r r"]:
        """`gram` of the same rows, all of length one; a row without length stays as it is."""
        lengths = np.where(self.norms > 0.0, self.norms, 1.0)
        if self.classes.size <= self.dimension:
            return self.gram / np.outer(lengths, lengths)
        gram = np.zeros_like(self.gram)
        for place, rows in self.blocks():
            units = rows / lengths[place, None]
            gram += units.T @ units
        return gram

    @cached_property
    def identical(self) -> tuple[Int[np.ndarray, " _g"], ...]:
        """Groups of classes whose rows are equal to the last bit, largest first."""
        label: dict[bytes, int] = {}
        group = np.empty(self.classes.size, dtype=np.int64)
        for place in self._places():
            # Adding zero makes −0 the same as 0.
            for index, row in enumerate(self._head[self.classes[place]] + 0.0, start=place.start):
                digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
                group[index] = label.setdefault(digest, len(label))
        return groups_of(group, self.classes)

    def neighbours(self, order: Int[np.ndarray, " s"], merged_at: float) -> Neighbours:
        """Compare rows with one another, all of them where that is a matter of a minute or two.

        Parameters
        ----------
        order : ndarray of shape (s,)
            Places among `classes`, those to be compared first.
        merged_at : float
            Cosine from which on two classes count as merged.

        Returns
        -------
        Neighbours
        """
        # Rows that are next to nothing have no angle.
        alive = np.flatnonzero(self.norms > _NOTHING * self.norms.max())
        probes = order[np.isin(order, alive)][: max(1, WORK // max(1, alive.size * self.dimension))]
        group = np.arange(self.classes.size)
        leading = Leading(probes.size)
        for rows in slices(probes.size, _TABLE[0]):
            mine = probes[rows]
            units = self._units(mine)
            for columns in slices(alive.size, _TABLE[1]):
                others = alive[columns]
                table = units @ self._units(others).T
                table[np.nonzero(mine[:, None] == others)] = -np.inf
                leading.add(rows, columns, table)
                first, second = np.nonzero(table >= merged_at)
                if first.size:
                    group = joined(group, mine[first], others[second])
        found = np.isfinite(leading.value)
        return Neighbours(
            self.classes[probes],
            np.where(found, self.classes[alive[leading.index]], -1),
            np.where(found, np.clip(leading.value, -1.0, 1.0), np.nan),
            groups_of(group, self.classes),
        )

    def _units(self, places: Int[np.ndarray, " b"]) -> NDArray[np.floating]:
        """Rows of length one; in single precision where the head itself has no more."""
        units = self.rows(self.classes[places]) / self.norms[places, None]
        stored = self._head.weights[-1].dtype
        return units if stored.itemsize > np.dtype(np.float32).itemsize else units.astype(np.float32)

    def _places(self) -> Iterator[slice]:
        return blocks(self.classes.size, max(self.dimension, self._head.weights[-1].shape[1]), _ENTRIES)

    def _measured(self) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "r r"]]:
        if self.classes.size <= self.dimension:
            rows = self.rows(self.classes)
            return np.linalg.norm(rows, axis=1), rows @ rows.T
        norms, gram = np.empty(self.classes.size), np.zeros((self.dimension, self.dimension))
        for place, rows in self.blocks():
            norms[place] = np.linalg.norm(rows, axis=1)
            gram += rows.T @ rows
        return norms, gram


def joined(group: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups after some pairs have merged too; only one block of pairs is ever held, however many merge."""
    from scipy.sparse.csgraph import connected_components

    size = group.size
    edges = coo_array((np.ones(first.size, dtype=np.int8), (group[first], group[second])), shape=(size, size))
    label: NDArray[np.int32] = connected_components(edges, directed=False)[1]
    return label[group].astype(np.int64)


def groups_of(group: NDArray[np.int64], seen: Int[np.ndarray, " s"]) -> tuple[Int[np.ndarray, " _g"], ...]:
    """Groups of two or more of the classes `seen`, from the label of each, largest first."""
    sizes = np.bincount(group) if group.size else np.zeros(0, dtype=np.int64)
    large = [index for index in np.argsort(-sizes, kind="stable").tolist() if sizes[index] > 1]
    return tuple(seen[group == index] for index in large)
