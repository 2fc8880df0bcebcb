"""How many training samples each class has: the one input from which everything else follows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penultimate.counts.checks import as_floats, check_range
from penultimate.counts.class_names import NumberedNames, as_mapping, as_names, in_order, told_apart
from penultimate.counts.counted import Holds, Order, Wish
from penultimate.counts.dataset_labels import labels_of
from penultimate.counts.groups import Groups, first_two, group_counts, split_groups
from penultimate.counts.labels import assign, categories_of, place, tally, tally_categories
from penultimate.counts.long_tails import Profile, long_tail
from penultimate.counts.readers import named, read_counts
from penultimate.errors import CountsError

Classes = int | Iterable[str] | Iterable[int]
Number = int | float


@dataclass(frozen=True, init=False, repr=False, eq=False)
class ClassCounts:
    """The number of training samples of each class, and the groups of classes that have equally many.

    Immutable. Classes without samples are kept and called *unseen*; they belong to no group.

    Parameters
    ----------
    values : array-like of shape (K,), or mapping of str to float (a pandas Series with an index is one)
        Samples of each class; fractions are allowed (weighted samples). A mapping names the classes too; names
        that are all whole numbers are put in their order.
    names : iterable of str or int, optional
        One name a class, all different; by default "0", "1", ….
    origin : str, default ""
        How the counts were read.

    Raises
    ------
    CountsError
        When a count is no number, negative, NaN, infinite or positive outside 1e-100 … 1e100 (the theory squares
        counts), when the sum exceeds 1e100, when fewer than two classes have samples, or when names are duplicated
        or not one for each class.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts({"cat": 100, "dog": 40, "eel": 40, "yak": 0})
    >>> counts
    ClassCounts(4 classes, 180 samples, largest 100, smallest 40, ratio 2.5:1, 2 distinct, 1 unseen)
    >>> counts.distinct, counts.multiplicity, counts.group
    (array([100.,  40.]), array([1, 2]), array([ 0,  1,  1, -1], dtype=int32))
    >>> counts.classes, counts.seen, counts.unseen, counts.samples, counts.ratio
    (4, 3, array([3]), 180.0, 2.5)
    """

    values: NDArray[np.float64]
    """Samples of each class, in class order, shape (K,)."""
    names: Sequence[str]
    """Class names, length K; made when asked for, where none were given."""

    origin: str
    """How the counts were read, in a line; empty when they were given as numbers."""

    def __init__(
        self, values: ArrayLike | Iterable[Any], names: Iterable[str | int] | None = None, origin: str = ""
    ) -> None:
        if hasattr(values, "index") and hasattr(values, "to_numpy") and names is None:
            values = as_mapping(values)
        if isinstance(values, Mapping):
            if names is not None:
                raise CountsError("values is a mapping, which names the classes already: leave names out")
            named = in_order(cast(Mapping[Any, Any], values))
            values, names = list(named.values()), named.keys()
        given = None if names is None else as_names(names)
        counts = as_floats(values, given)
        if given is not None and len(given) != counts.size:
            raise CountsError(f"{len(given)} names for {counts.size} counts: give one name for each class")
        labelled = NumberedNames(counts.size) if given is None else given
        check_range(counts, labelled)
        counts += 0.0  # turns -0.0 into 0.0
        object.__setattr__(self, "values", _frozen(counts))
        object.__setattr__(self, "names", labelled)
        object.__setattr__(self, "origin", origin)

    @classmethod
    def from_labels(cls, labels: object, classes: Classes | None = None) -> "ClassCounts":
        """Count labels, one for each sample.

        Parameters
        ----------
        labels : array-like of shape (N,)
            Whole numbers (not as floats: cast with ``labels.astype(int)``) or text: a list, array, or CPU tensor.
        classes : int, or iterable of str or int, optional
            The classes in order; those that do not occur are unseen. An int K means 0 … K-1. Where labels are whole
            numbers and classes are named in words, label k is the k-th class. By default the distinct labels that
            occur, sorted.

        Raises
        ------
        CountsError
            When labels are no whole numbers or text, or one is outside the classes given.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.ClassCounts.from_labels([0, 1, 1, 1], classes=["cat", "dog", "eel"]).to_dict()["unseen"]
        1
        """
        categories = categories_of(labels) if classes is None else None
        if categories is not None:
            return cls(*tally_categories(labels, categories), "labels in the order of their categories")
        return cls(*assign(tally(labels), classes), "labels")

    @classmethod
    def from_dataset(cls, dataset: object, column: str | None = None, classes: Classes | None = None) -> "ClassCounts":
        """Count the labels of a torchvision or Hugging Face data set; no sample is loaded.

        Parameters
        ----------
        dataset : object
            With ``targets`` or ``labels`` (torchvision), one split with ``features`` and ``column_names`` (Hugging
            Face), or a ``torch.utils.data.Subset`` of such a one.
        column : str, optional
            Label column (Hugging Face); by default the one of type ``ClassLabel``.
        classes : int, or iterable of str or int, optional
            As in `from_labels`; by default the classes the data set names, else the labels that occur.

        Raises
        ------
        CountsError
            When no labels are found; else as `from_labels`.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> import penultimate as pen
        >>> dataset = SimpleNamespace(targets=[0, 1, 1], classes=["cat", "dog"])
        >>> pen.ClassCounts.from_dataset(dataset).values
        array([1., 2.])
        """
        found = labels_of(dataset, column)
        if classes is not None or found.names is None:
            return cls.from_labels(found.labels, classes)
        names = as_names(told_apart(found.names))
        return cls(place(tally(found.labels), names, by_position=True), names, "labels of a data set")

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        column: str | None = None,
        holds: Holds | None = None,
        *,
        order: Order = "number",
        format: str | None = None,
    ) -> "ClassCounts":
        r"""Read counts, or count labels, from a file or a folder (`penultimate.counts.readers` has the rules).

        Parameters
        ----------
        path : path-like
            CSV, TSV, text, JSON (lines too), .npy, .npz, Parquet, Feather, a folder; ``-`` is standard input.
        column : str, optional
            Column (its name, or its number from 1 on) or key to read, where names and data do not tell.
        holds : {"counts", "labels"}, optional
            What the file holds, where its form does not tell.
        order : {"number", "text"}, default "number"
            Classes named by numbers are sorted as numbers; "text" sorts them as torchvision's ``ImageFolder`` does.
        format : str, optional
            "csv", "tsv", "json", "jsonl", "npy", "npz", "parquet" or "arrow", where the suffix does not tell.

        Raises
        ------
        FileError, CountsError
            When the file cannot be read, may be read in several ways, or holds what cannot be class counts.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import penultimate as pen
        >>> path = pathlib.Path(tempfile.mkdtemp(), "train.csv")
        >>> _ = path.write_text("class,count\ncat,100\ndog,40\n")
        >>> pen.ClassCounts.read(path).values
        array([100.,  40.])
        """
        with named(path):
            return cls(*read_counts(Path(path), Wish(column, holds, order), format))

    @classmethod
    def long_tailed(cls, classes: int, largest: Number, ratio: Number, profile: Profile = "exponential") -> Self:
        """Make a long-tailed split as the literature does (Cao et al. 2019, arXiv:1906.07413).

        Parameters
        ----------
        classes : int
            Number of classes, K.
        largest : float
            Samples of class 0.
        ratio : float
            Largest count over smallest, at least 1.
        profile : {"exponential", "step", "zipf"}, default "exponential"
            Samples of class k: ``largest * (1/ratio)**(k/(K-1))`` (CIFAR-LT); ``largest`` for k < K//2, then ``largest
            / ratio``; or ``largest * (k+1)**-a`` that ends at ``largest / ratio``. Each is cut to a whole number.

        Raises
        ------
        CountsError
            When an argument is out of range, or the smallest class would have less than one sample.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.ClassCounts.long_tailed(10, 5000, 100) == pen.datasets.counts("cifar10-lt")
        True
        """
        return cls(long_tail(classes, largest, ratio, profile))

    @property
    def classes(self) -> int:
        """Number of classes, K, the unseen included."""
        return self.values.size

    @cached_property
    def samples(self) -> float:
        """Number of samples, N: exact for whole counts, to the last bit or two for others."""
        return math.fsum(self.distinct * self.multiplicity)

    @property
    def seen(self) -> int:
        """Number of classes that have samples."""
        return int(self.multiplicity.sum())

    @cached_property
    def unseen(self) -> NDArray[np.int64]:
        """Indices of the classes without samples, ascending."""
        return _frozen(np.flatnonzero(self.group < 0))

    @property
    def distinct(self) -> NDArray[np.float64]:
        """Distinct counts ``c_1 > … > c_m > 0``, shape (m,)."""
        return self._groups.distinct

    @property
    def multiplicity(self) -> NDArray[np.int64]:
        """Number of classes that have each distinct count, shape (m,)."""
        return self._groups.multiplicity

    @property
    def group(self) -> NDArray[np.int32]:
        """Index in `distinct` of each class's count, shape (K,); -1 for the unseen."""
        return self._groups.group

    @cached_property
    def representatives(self) -> NDArray[np.int64]:
        """First two classes of each group, shape (m, 2); the second is -1 in a group of one."""
        return _frozen(first_two(self.group, self.distinct.size))

    @property
    def largest(self) -> float:
        """Largest count."""
        return float(self.distinct[0])

    @property
    def smallest(self) -> float:
        """Smallest count of a class that has samples."""
        return float(self.distinct[-1])

    @property
    def ratio(self) -> float:
        """Largest count over smallest, the unseen left out."""
        return self.largest / self.smallest

    @cached_property
    def is_integral(self) -> bool:
        """Whether every count is a whole number."""
        return bool(np.all(self.distinct == np.floor(self.distinct)))

    @cached_property
    def _groups(self) -> Groups:
        finer: Groups | None = self.__dict__.get("_finer")  # set by `split` alone
        return Groups(*map(_frozen, group_counts(self.values))) if finer is None else finer

    def split(self, *vectors: ArrayLike, unseen: bool = False) -> "ClassCounts":
        """Keep in one group only classes that other figures do not tell apart either.

        Parameters
        ----------
        *vectors : array-like of shape (K,)
            Figures of every class, such as the weights of a loss.
        unseen : bool, default False
            Put classes without samples into groups too, the last ones, of count zero.

        Returns
        -------
        ClassCounts
            The same counts; groups, and with them `distinct` and all that has shape (m,), may hold fewer classes each.

        Examples
        --------
        >>> import penultimate as pen
        >>> counts = pen.ClassCounts([9, 4, 4, 4]).split([1, 1, 2, 1])
        >>> counts.distinct, counts.group
        (array([9., 4., 4.]), array([0, 1, 2, 1], dtype=int32))
        >>> pen.ClassCounts([9, 0, 4, 0]).split(unseen=True).distinct
        array([9., 4., 0.])
        """
        groups = split_groups(self.values, self._groups, [np.asarray(vector) for vector in vectors], unseen)
        if groups is self._groups:
            return self
        finer = ClassCounts(self.values, self.names)
        finer.__dict__["_finer"] = Groups(*map(_frozen, groups))
        return finer

    def bands(self, many: Number = 100, few: Number = 20) -> NDArray[np.character]:
        """Sort classes into the bands by which the long-tail literature reports accuracy.

        Parameters
        ----------
        many : float, default 100
            Classes with more samples are "many".
        few : float, default 20
            Classes with fewer samples are "few"; those from few to many, both included, are "medium".

        Returns
        -------
        ndarray of shape (K,), str
            "many", "medium", "few", or "unseen" for classes without samples.

        Raises
        ------
        CountsError
            When ``few`` exceeds ``many``.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.ClassCounts([101, 100, 20, 19, 0]).bands().tolist()
        ['many', 'medium', 'medium', 'few', 'unseen']
        """
        if not few <= many:
            raise CountsError(f"few={few} exceeds many={many}: give bounds with few <= many")
        bands = np.where(self.distinct > many, "many", np.where(self.distinct < few, "few", "medium"))
        return np.append(bands, "unseen")[self.group]  # -1, the group of the unseen, is the last entry

    def to_dict(self) -> dict[str, Number]:
        """Summarise as plain numbers, whole ones as int.

        Returns
        -------
        dict
            ``classes``, ``samples``, ``largest``, ``smallest``, ``ratio``; how many are ``distinct`` and ``unseen``.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.ClassCounts([100, 40, 40, 0]).to_dict()["ratio"]
        2.5
        """
        figures = {
            "classes": self.classes,
            "samples": self.samples,
            "largest": self.largest,
            "smallest": self.smallest,
            "ratio": self.ratio,
            "distinct": self.distinct.size,
            "unseen": self.unseen.size,
        }
        return {key: int(value) if value % 1 == 0 and value < 2**53 else value for key, value in figures.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassCounts):
            return NotImplemented
        return np.array_equal(self.values, other.values) and self.names == other.names

    def __hash__(self) -> int:
        return hash((self.classes, self.samples, self.largest))

    def __reduce__(self) -> tuple[type["ClassCounts"], tuple[object, ...], dict[str, Groups]]:
        finer = {name: value for name, value in self.__dict__.items() if name == "_finer"}
        return ClassCounts, (self.values, self.names, self.origin), finer

    def __repr__(self) -> str:
        sizes = f"{self.samples:.15g} samples, largest {self.largest:.15g}, smallest {self.smallest:.15g}"
        shape = f"ratio {self.ratio:.6g}:1, {self.distinct.size} distinct, {self.unseen.size} unseen"
        return f"ClassCounts({self.classes} classes, {sizes}, {shape})"


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
