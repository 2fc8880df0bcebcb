"""The label scatter: all that the minimiser of squared error depends on, whatever the targets are (docs/theory §16).

``S = Σ (y − ȳ)(y − ȳ)ᵀ``, kept as the sums that make it: samples, Σ y and Σ y yᵀ. Sums of shards add up, so that any
stream of targets is read once and nothing else is kept. Class counts are the case ``S = diag(n) − n nᵀ/N``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.counts.given import Counts, counts_of
from penultimate.counts.opening import opened
from penultimate.counts.readers import named
from penultimate.errors import CountsError
from penultimate.targets.distinct_sets import DistinctSets
from penultimate.targets.found import Found
from penultimate.targets.label_sets import LabelSets, as_label_names, checked_sets
from penultimate.targets.matrices import Kind, Rows, as_weights, is_matrix, rows_of, scipy_sparse
from penultimate.targets.readers import read_images, read_targets
from penultimate.targets.sums import Sums

_WIDTHS = "one part has {} columns, the other {}: give all labels one column"

Names = int | Iterable[str] | Iterable[int]


class LabelScatter:
    """Sums over samples of any targets: several labels a sample, soft labels, regression.

    Made by `read`, `from_labels`, `from_targets`, `from_counts` or `from_second_moment`; `update` takes in more
    samples, and ``+`` joins shards.

    Attributes
    ----------
    samples : float
        N, rows without labels included.
    positives : ndarray of shape (K,)
        Σ y: how many samples have each label.
    second_moment : scipy.sparse.csr_array of shape (K, K)
        Σ y yᵀ: how many samples have both of two labels.
    names : sequence of str
        The labels; "0", "1", … where nobody named them.
    kind : {"sets", "soft", "real"}
        Whether targets are 0 and 1, between them, or any numbers.
    unlabelled : float
        Samples without any label.
    repeated : float
        Samples that named a label twice, which counts once.
    sets : DistinctSets or None
        The different label sets, `rows` of shape (M, K) and `times`, how many samples have each; None of real targets,
        of a table of co-occurrences, and beyond 20,000.
    origin : str
        How the targets were read, in a line.

    Examples
    --------
    >>> import penultimate as pen
    >>> targets = pen.LabelScatter.from_labels([["cat", "pet"], [], ["dog", "pet"], ["cat", "pet"]])
    >>> targets
    LabelScatter(3 labels, 4 samples, 1 without labels, largest 3, smallest 1)
    >>> targets.names, targets.positives, targets.second_moment.toarray()[0]
    (('cat', 'dog', 'pet'), array([2., 1., 3.]), array([2., 0., 2.]))
    >>> (targets + targets).samples
    8.0
    """

    samples: float
    positives: Float[np.ndarray, " K"]
    second_moment: Any
    names: Sequence[str]
    kind: Kind
    unlabelled: float
    repeated: float
    sets: DistinctSets | None
    origin: str

    def __init__(self) -> None:
        raise CountsError(
            "a LabelScatter is made by read, from_labels, from_targets, from_counts or from_second_moment"
        )

    @classmethod
    def from_labels(cls, labels: object, names: Names | None = None, *, weights: ArrayLike | None = None) -> Self:
        """Take several labels a sample, or soft labels between 0 and 1.

        Parameters
        ----------
        labels : sequence of sequences of str or int, or 0/1 array or sparse matrix of shape (N, K)
            The labels of each sample by name or id, or one column a label; a data frame names its columns.
        names : int, or iterable of str or int, optional
            All labels in order; an int K means 0 … K−1. By default those that occur, sorted, or the columns.
        weights : array-like of shape (N,), optional
            How many equal samples each row stands for (docs/multi-label: a weight of the loss is another thing).

        Returns
        -------
        LabelScatter

        Raises
        ------
        CountsError
            When there are no samples, labels are neither text nor whole numbers, values lie outside 0 … 1 or are NaN
            (with row and label), or it cannot be told whether numbers are ids or columns.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> pen.LabelScatter.from_labels([[0, 2], [1], []], names=4).positives
        array([1., 1., 1., 0.])
        >>> pen.LabelScatter.from_labels(np.array([[1, 0], [1, 1], [0, 1]]), names=["cat", "pet"]).samples
        3.0
        """
        if is_matrix(labels):
            return cls._of_matrix(labels, names, weights, any_real=False)
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise CountsError(f"labels are of type {type(labels).__name__}: give a list of labels for each sample")
        held = cast(Iterable[Any], labels)
        known = None
        if weights is not None:
            held = list(held)
            known = as_weights(weights, len(held))
        return cls._of_sets(checked_sets(held, known), None if names is None else as_label_names(names))

    @classmethod
    def from_targets(cls, targets: object, names: Names | None = None, *, weights: ArrayLike | None = None) -> Self:
        """Take any real targets, one row a sample: regression, soft labels.

        Parameters
        ----------
        targets : array-like or sparse matrix of shape (N, K)
            Finite numbers.
        names : int, or iterable of str or int, optional
            Of the outputs.
        weights : array-like of shape (N,), optional
            How many equal samples each row stands for.

        Returns
        -------
        LabelScatter

        Raises
        ------
        CountsError
            For other shapes, and NaN or infinities, with row and label.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> pen.LabelScatter.from_targets(np.array([[1.5, -2.0], [0.5, 4.0]])).kind
        'real'
        """
        return cls._of_matrix(targets, names, weights, any_real=True)

    @classmethod
    def from_counts(cls, counts: Counts) -> Self:
        """Class counts as targets: one label a sample.

        Parameters
        ----------
        counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
            Samples per class.

        Returns
        -------
        LabelScatter

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.LabelScatter.from_counts({"cat": 60, "dog": 30}).positives
        array([60., 30.])
        """
        sparse, known = scipy_sparse(), counts_of(counts)
        moment = sparse.csr_array(sparse.diags_array(known.values))
        seen = np.flatnonzero(known.values)
        sets = DistinctSets.of(sparse.csr_array(moment[seen] > 0, dtype=np.float64), known.values[seen])
        return cls._made(Sums(known.samples, known.values.copy(), moment, sets=sets), known.names, known.origin)

    @classmethod
    def from_second_moment(
        cls, second_moment: Any, positives: ArrayLike, samples: float, names: Names | None = None
    ) -> Self:
        """Take a table of co-occurrences.

        Parameters
        ----------
        second_moment : array-like or sparse matrix of shape (K, K)
            ``Yᵀ Y``: how many samples have both labels; on the diagonal, how many have the one.
        positives : array-like of shape (K,)
            Sums of each label over samples.
        samples : float
            N.
        names : int, or iterable of str or int, optional
            Of the labels.

        Returns
        -------
        LabelScatter

        Raises
        ------
        CountsError
            When it is not symmetric, not finite, or cannot be a sum over so many samples.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.LabelScatter.from_second_moment([[5, 2], [2, 3]], [5, 3], samples=9)
        LabelScatter(2 labels, 9 samples, largest 5, smallest 3)
        """
        sums = Sums.of_moment(second_moment, positives, samples)
        return cls._made(sums, _named(names, sums.positives.size), "a table of co-occurrences")

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        column: str | None = None,
        *,
        separator: str | None = None,
        format: str | None = None,
    ) -> Self:
        r"""Read label sets, or a matrix of targets, from a file (`penultimate.targets.readers` has the rules).

        Parameters
        ----------
        path : path-like
            CSV, TSV, JSON (lines too, COCO annotations), .npy, .npz (of scipy.sparse too), Parquet, Feather, or a
            folder of YOLO labels; ``-`` is standard input.
        column : str, optional
            Column (its name, or its number from 1 on), entry or array to read, where names and data do not tell.
        separator : str, optional
            What stands between the labels of one text, such as ";": never guessed.
        format : str, optional
            As for `ClassCounts.read`.

        Returns
        -------
        LabelScatter

        Raises
        ------
        FileError, CountsError
            When the file cannot be read, may be read in several ways, or holds what cannot be targets.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import penultimate as pen
        >>> path = pathlib.Path(tempfile.mkdtemp(), "tags.csv")
        >>> _ = path.write_text("id,tags\n1,cat;pet\n2,dog;pet\n3,\n")
        >>> pen.LabelScatter.read(path, separator=";").positives
        array([1., 1., 2.])
        """
        with named(path):
            if Path(path).is_dir():
                return cls._of_found(read_images(Path(path)))
            with opened(Path(path), format) as file:
                return cls._of_found(read_targets(file, separator, column))

    @classmethod
    def from_sums(cls, sums: Sums, names: Sequence[str]) -> Self:
        """Sums that were added up elsewhere, with the names of their labels."""
        return cls._made(sums, names)

    @classmethod
    def _of_found(cls, found: Found) -> Self:
        names = None if found.names is None else as_names(found.names)
        out = cls._of_blocks(found.blocks, names) if found.sets is None else cls._of_sets(found.sets, names)
        many = "label" if out.labels == 1 else "labels"
        out.origin = f"{found.origin}: {out.labels:,} {many}, {out.samples:,.15g} samples"
        return out

    @property
    def labels(self) -> int:
        """Number of labels, K."""
        return self.positives.size

    @property
    def mean(self) -> Float[np.ndarray, " K"]:
        """ȳ: the share of samples that have each label."""
        return self.positives / self.samples

    @property
    def variance(self) -> Float[np.ndarray, " K"]:
        """The diagonal of S: for 0 and 1 it is n (1 − n/N)."""
        squares = self.second_moment.diagonal()
        spread = squares - self.positives**2 / self.samples
        # A label that never changes leaves nothing but rounding.
        return np.where(spread > 1e-13 * squares, spread, 0.0)

    def update(self, targets: Any) -> Self:
        """Take in more samples.

        Parameters
        ----------
        targets : as for `from_labels`, or `from_targets` where targets are real

        Returns
        -------
        LabelScatter
            Itself.

        Raises
        ------
        CountsError
            As `from_labels`, or when a matrix has another width.

        Examples
        --------
        >>> import penultimate as pen
        >>> targets = pen.LabelScatter.from_labels([["cat"]])
        >>> targets.update([["dog", "cat"]]).positives
        array([2., 1.])
        """
        numbered = is_matrix(targets) and not hasattr(targets, "columns")
        if numbered and targets.shape[1] != self.labels:
            raise CountsError(_WIDTHS.format(self.labels, targets.shape[1]))
        take = type(self).from_targets if self.kind == "real" else type(self).from_labels
        self.__dict__ = (self + take(targets, self.names if numbered else None)).__dict__
        return self

    def __add__(self, other: object) -> "LabelScatter":
        if not isinstance(other, LabelScatter):
            return NotImplemented
        numbered = isinstance(self.names, NumberedNames) and isinstance(other.names, NumberedNames)
        if numbered and self.labels != other.labels:
            raise CountsError(_WIDTHS.format(self.labels, other.labels))
        names = self.names
        if self.names != other.names:
            names = as_names(list(dict.fromkeys([*self.names, *other.names])))
        place = {name: k for k, name in enumerate(names)}
        one, more = (
            part._sums.placed(np.array([place[name] for name in part.names]), len(place)) for part in (self, other)
        )
        return type(self)._made(one + more, names, self.origin)

    @property
    def one_each(self) -> bool:
        """Whether every sample has exactly one label, as classes have."""
        return self.kind == "sets" and not self.unlabelled and bool(self.positives.sum() == self.samples)

    def __repr__(self) -> str:
        without = f"{self.unlabelled:.15g} without labels, " if self.unlabelled else ""
        sizes = f"largest {self.positives.max():.6g}, smallest {self.positives.min():.6g}"
        return f"LabelScatter({self.labels} labels, {self.samples:.15g} samples, {without}{sizes})"

    @property
    def _sums(self) -> Sums:
        return Sums(**{field.name: getattr(self, field.name) for field in fields(Sums)})

    @classmethod
    def _made(cls, sums: Sums, names: Sequence[str], origin: str = "") -> Self:
        out = cls.__new__(cls)
        vars(out).update(vars(sums), names=names, origin=origin)
        return out

    @classmethod
    def _of_sets(cls, given: Iterable[tuple[Sequence[str], float]], names: Sequence[str] | None) -> Self:
        """Add up label sets, each with the number of samples that it stands for."""
        sets = LabelSets(names)
        sums = Sums.of(sets.blocks(given))
        held, columns = sets.names()
        if not len(held):
            raise CountsError(f"none of the {sums.samples:,.15g} samples has a label: give some that have")
        return cls._made(replace(sums.chosen(np.array(columns)), repeated=sets.repeated), held)

    @classmethod
    def _of_blocks(cls, blocks: Iterable[Rows], names: Names | None) -> Self:
        """Add up rows of one width."""
        sums = Sums.of(blocks)
        return cls._made(sums, _named(names, sums.positives.size))

    @classmethod
    def _of_matrix(cls, matrix: Any, names: Names | None, weights: Any, *, any_real: bool) -> Self:
        if names is None and hasattr(matrix, "columns") and hasattr(matrix, "to_numpy"):
            names, matrix = list(map(str, matrix.columns)), matrix.to_numpy()
        return cls._of_blocks(rows_of(matrix, weights, any_real=any_real), names)


def _named(names: Names | None, labels: int) -> Sequence[str]:
    held = NumberedNames(labels) if names is None else as_label_names(names)
    if len(held) != labels:
        raise CountsError(f"{len(held)} names for {labels} labels: give one name for each column")
    return held
