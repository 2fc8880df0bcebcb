"""Rows put in the order of their classes, for sums over the rows of each by NumPy."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray


class ByClass(NamedTuple):
    """An order in which the rows of a class stand together, and where each class begins.

    Attributes
    ----------
    order : ndarray of int of shape (n,)
        Rows of one class in their own order.
    starts : ndarray of int of shape (g,)
        Where a class begins in it.
    classes : ndarray of int of shape (g,)
        Which, ascending.
    """

    order: Int[np.ndarray, " n"]
    starts: Int[np.ndarray, " g"]
    classes: Int[np.ndarray, " g"]

    @classmethod
    def of(cls, labels: Int[np.ndarray, " n"]) -> "ByClass":
        """Of some labels.

        Parameters
        ----------
        labels : ndarray of int of shape (n,)
            Whatever tells rows apart, not below 0.

        Examples
        --------
        >>> ByClass.of(np.array([5, 2, 5])).sums(np.array([[1.0], [2.0], [4.0]])).tolist()
        [[2.0], [5.0]]
        """
        order = np.argsort(labels, kind="stable")
        own = labels[order]
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        return cls(order, starts, own[starts])

    @property
    def sizes(self) -> Int[np.ndarray, " g"]:
        """Rows of each class, shape (g,)."""
        return np.diff(self.starts, append=self.order.size)

    def rows(self) -> Iterator[tuple[int, Int[np.ndarray, " m"]]]:
        """Every class, and its rows."""
        yield from zip(self.classes.tolist(), np.split(self.order, self.starts[1:]), strict=False)

    def sums(self, rows: NDArray[Any]) -> Float[np.ndarray, "g ..."]:
        """Sum of the rows of each class, in float64, shape (g, …)."""
        return np.add.reduceat(rows[self.order], self.starts, axis=0, dtype=np.float64)

    def places(self) -> Int[np.ndarray, " n"]:
        """How many rows of its class come before each, shape (n,)."""
        before = np.empty_like(self.order)
        before[self.order] = np.arange(self.order.size) - np.repeat(self.starts, self.sizes)
        return before
