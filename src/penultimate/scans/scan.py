"""What a last layer's rows say by themselves: which classes were never or hardly ever trained (docs/theory §8).

weight → `scan` → `Scan`: groups of rows that are one vector, copies, zero rows, and rows of unusual length.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.archives.packed import Packed
from penultimate.errors import FeaturesError, FileError, MissingDependencyError
from penultimate.features.arrays import as_array
from penultimate.features.checkpoints.stored import ROUNDING
from penultimate.features.head import Head, checked_names
from penultimate.model.arguments import checked_seed, positive
from penultimate.reported import Reported
from penultimate.scans.candidates import find_candidates
from penultimate.scans.fixes import Fix, fixed
from penultimate.scans.groups import Group, Kind, find_group, find_majority
from penultimate.scans.naming import fitting, is_tokenizer, read_names
from penultimate.scans.reach import Reach, find_reach
from penultimate.scans.reading import Layer, read_layer
from penultimate.scans.rows import Rows, row_lengths
from penultimate.scans.valleys import find_valleys

# With fewer rows no density can be told from another: only copies and zeros are looked for.
FEWEST = 64
# Groups looked for, one after another.
_GROUPS = 4
_ALPHA = 1e-3
# Rows beyond a valley in the lengths are runaways if they are at most this part of all; more are a crowd (chosen).
_EXCEPTIONS = 0.05
# How many of the longest rows are listed.
_LISTED = 12
# Single precision holds squares between 1e-38 and 1e38; their sums and differences get eight powers of ten to spare.
_LONGEST = 1e15


@dataclass(frozen=True, eq=False, repr=False)
class Scan(Reported, presenter="scan"):
    """What the rows of a last layer say by themselves.

    Made by `scan`.

    Attributes
    ----------
    source : str or None
        Which weight of which file it is of.
    names : tuple of str or None
        Of the classes; rows beyond the last name have their number.
    named : int
        How many names there were: fewer than rows where some pad a vocabulary.
    dtype : str
        What the weights were stored in.
    rounding : float
        Relative rounding of that type.
    tied : bool
        Whether the rows are also an embedding of inputs, as far as the file tells.
    bias : ndarray of shape (K,) or None
    lengths : ndarray of shape (K,)
        Lengths of the rows; NaN for those that hold NaN or infinity.
    mean_row_share : float
        Squared length of the mean row over the mean squared length: what all rows share.
    groups : tuple of Group
        The most certain first.
    duplicates : tuple of ndarray
        Rows that are equal bit by bit, largest group first; zero rows are not among them.
    runaway : ndarray
        Rows that a valley in the density of lengths parts from the others, longest first.
    distances : ndarray of shape (K,)
        From the centre of the most certain group; NaN where there is none.
    tokenizer : str or None
        Name of the tokenizer's file, where the names are its tokens.
    reach : Reach or None
        Which of the untrained tokens that tokenizer can produce; None without one, or where the library
        `tokenizers` is not there or does not understand it.
    weight : ndarray or Packed
        What was scanned, as it is stored.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> weight = rng.normal(size=(500, 64))
    >>> weight[:50] = rng.normal(size=64) + 0.01 * rng.normal(size=(50, 64))      # never trained: one vector
    >>> found = pen.scan(weight)
    >>> [(group.kind.value, group.rows.size) for group in found.groups]
    [('still at initialisation', 50)]
    """

    source: str | None
    names: tuple[str, ...] | None
    named: int
    dtype: str
    dimension: int
    rounding: float
    tied: bool
    bias: Float[np.ndarray, " K"] | None
    lengths: Float[np.ndarray, " K"]
    mean_row_share: float
    groups: tuple[Group, ...]
    duplicates: tuple[Int[np.ndarray, " _g"], ...]
    runaway: Int[np.ndarray, " r"]
    distances: Float[np.ndarray, " K"]
    tokenizer: str | None
    reach: Reach | None
    weight: Packed | NDArray[np.floating]

    @property
    def classes(self) -> int:
        """K."""
        return self.lengths.size

    @cached_property
    def typical(self) -> float:
        """The median length of a row; 0 where all are damaged."""
        known = self.lengths[np.isfinite(self.lengths)]
        return float(np.median(known)) if known.size else 0.0

    @cached_property
    def damaged(self) -> Int[np.ndarray, " b"]:
        """Rows that hold NaN or infinity; they are left out of everything else."""
        return np.flatnonzero(np.isnan(self.lengths))

    @cached_property
    def zero(self) -> Int[np.ndarray, " z"]:
        """Rows that are nothing but zeros."""
        return np.flatnonzero(self.lengths == 0.0)

    @cached_property
    def untrained(self) -> Int[np.ndarray, " u"]:
        """Rows that were never or hardly ever trained: those of all groups but halos, in order."""
        return _untrained(self.groups)

    @cached_property
    def longest(self) -> Int[np.ndarray, " l"]:
        """The longest rows, longest first, at most twelve."""
        known = np.nan_to_num(self.lengths, nan=-1.0)
        return np.argsort(-known, kind="stable")[: min(_LISTED, self.classes - self.damaged.size)]

    def fix(self, how: Fix) -> Head:
        """The head with something done about its untrained rows.

        Parameters
        ----------
        how : {"leave", "mask", "drop", "mean"}
            Leave them; mask their outputs by a bias of −30,000; drop them, so that the names that are left say which
            rows they were; or give each the mean of the trained rows and of their biases, to train on from.

        Returns
        -------
        Head
            In the precision of the weights; `to_dict` and `verdict` stay those of the scan.

        Raises
        ------
        FeaturesError
            For another fix, or where the layer holds NaN or infinity.

        Notes
        -----
        Where the layer is `tied`, new rows are new inputs as well, and after "drop" inputs have other numbers; "mask"
        touches the outputs alone. What each gains is measured in the documentation ("What was never trained?").

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> weight = np.random.default_rng(0).normal(size=(500, 64))
        >>> weight[100:140] = weight[100]
        >>> found = pen.scan(weight)
        >>> found.fix("drop").classes, found.fix("mask").bias[[99, 100]].tolist()
        (460, [0.0, -30000.0])
        """
        return fixed(np.asarray(self.weight[:]), self.bias, self.names, self.untrained, how)

    def name(self, row: int) -> str:
        """The name of a class, or its index."""
        return str(row) if self.names is None else self.names[row]


def scan(
    weight: object,
    *,
    bias: object = None,
    names: "Sequence[str] | str | os.PathLike[str] | None" = None,
    key: str | None = None,
    rounding: float | None = None,
    seed: int = 0,
) -> Scan:
    """Find the rows of a last layer that were never or hardly ever trained.

    Parameters
    ----------
    weight : array-like of shape (K, d), Head, or path
        One row a class; or a checkpoint, as for `Head.read`.
    bias : array-like of shape (K,), optional
        Reported beside the groups.
    names : sequence of str or path, optional
        Of the classes; or a file with one name a line, or a ``tokenizer.json``. A checkpoint brings its own, or those
        of the ``tokenizer.json`` beside it. Rows beyond the last name, which pad a vocabulary, get their number.
    key : str, optional
        Which weight of a checkpoint, where several may be the last layer.
    rounding : float, optional
        Relative rounding of the numbers as they were stored, for weights that were quantised; by default that of their
        type.
    seed : int, default 0
        Of the random sketch.

    Returns
    -------
    Scan

    Raises
    ------
    FeaturesError
        When the weights are no matrix of numbers with at least two columns, or bias or names do not fit.
    FileError
        When a file cannot be read.

    Notes
    -----
    Memory beyond the weights is O(48 K + d²); nothing of size K × K is made. With fewer than 64 rows only copies and
    zero rows are looked for.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> weight = np.random.default_rng(0).normal(size=(500, 64))
    >>> weight[100:140] = weight[100]
    >>> found = pen.scan(weight, names=[f"token {i}" for i in range(500)])
    >>> found.untrained.size, found.name(found.groups[0].rows[0]), found.groups[0].kind.value
    (40, 'token 100', 'equal as stored')
    """
    seed, layer = checked_seed(seed), _layer(weight, bias, key)
    rows = len(layer.weight)
    known, tokenizer = _names(names, layer)
    offsets = None if layer.bias is None else np.asarray(as_array(layer.bias, "bias"), dtype=np.float64)
    if offsets is not None and offsets.shape != (rows,):
        raise FeaturesError(f"the bias has shape {offsets.shape} for {rows} rows: give one number a row")
    eps = layer.rounding if rounding is None else positive(rounding, "rounding")
    lengths, mean, copies = _first_pass(Rows(layer.weight))
    _check_size(layer.weight, lengths)
    whole = Rows(layer.weight, np.flatnonzero(np.isfinite(lengths)))
    square = float(np.nanmean(lengths**2)) if len(whole) else 0.0
    groups = _groups(whole, lengths, eps, np.random.default_rng(seed)) if len(whole) >= FEWEST else ()
    return Scan(
        source=layer.source or None,
        names=None if known is None else checked_names(fitting(known, rows, "names"), rows),
        named=0 if known is None else len(known),
        dtype=layer.dtype,
        dimension=layer.weight.shape[1],
        rounding=eps,
        tied=layer.tied,
        bias=offsets,
        lengths=lengths,
        mean_row_share=float(mean @ mean) / square if square else 0.0,
        groups=groups,
        duplicates=copies,
        runaway=_runaway(lengths, groups),
        distances=Rows(layer.weight).distances([groups[0].centre])[0] if groups else np.full(rows, np.nan),
        tokenizer=None if tokenizer is None else tokenizer.name,
        reach=_reach(tokenizer, groups),
        weight=layer.weight,
    )


def _layer(weight: object, bias: object, key: str | None) -> Layer:
    """What is to be scanned, wherever it is from."""
    names = None
    if isinstance(weight, Layer):
        return weight
    if isinstance(weight, str | os.PathLike):
        read = read_layer(cast("str | os.PathLike[str]", weight), key)
        return read if bias is None else read._replace(bias=as_array(bias, "bias"))
    if isinstance(weight, Head):
        weight, bias, names = _only(weight), weight.bias, weight.names
    matrix = as_array(weight, "weights")
    if matrix.dtype.kind != "f" or matrix.ndim != 2 or matrix.shape[1] < 2 or not len(matrix):
        raise FeaturesError(
            f"weights are {matrix.dtype} of shape {matrix.shape}: give floats of shape (K, d), one row a class, d ≥ 2"
        )
    offsets = None if bias is None else as_array(bias, "bias")
    kind = matrix.dtype.name
    return Layer(matrix, offsets, names, None, "", kind, ROUNDING.get(kind, ROUNDING["float32"]), False)


def _names(
    given: "Sequence[str] | str | os.PathLike[str] | None", layer: Layer
) -> tuple[tuple[str, ...] | None, Path | None]:
    """Names as they are given, or as the file has them, perhaps fewer than rows; and the tokenizer they are from."""
    if given is None:
        return layer.names, layer.tokenizer
    if not isinstance(given, str | os.PathLike):
        return tuple(given), None
    return read_names(given), Path(given) if is_tokenizer(given) else None


def _reach(tokenizer: Path | None, groups: tuple[Group, ...]) -> Reach | None:
    """What the tokenizer makes of rows that were never trained, if its library is there and understands it."""
    if tokenizer is None or not groups:
        return None
    with suppress(MissingDependencyError, FileError):
        return find_reach(tokenizer, _untrained(groups))
    return None


def _untrained(groups: tuple[Group, ...]) -> NDArray[np.int64]:
    rows = [group.rows for group in groups if group.kind is not Kind.HALO]
    return np.sort(np.concatenate(rows)) if rows else np.empty(0, dtype=np.int64)


def _only(head: Head) -> NDArray[np.floating]:
    if len(head.weights) != 1:
        raise FeaturesError(f"the head has {len(head.weights)} layers: scan them one at a time, or their product")
    (weight,) = head.weights
    return weight


def _check_size(weight: Packed | NDArray[np.floating], lengths: Float[np.ndarray, " K"]) -> None:
    """Refuse rows whose distances single precision would not hold squared."""
    known = lengths[np.isfinite(lengths)]
    largest = float(known.max(initial=0.0))
    lost = np.flatnonzero(np.isnan(lengths))
    finite = isinstance(weight, np.ndarray) and bool(np.isfinite(weight[lost]).all(axis=1).any())
    vanished = largest == 0.0 and isinstance(weight, np.ndarray) and bool(np.any(weight[np.isfinite(lengths)]))
    if finite or vanished or largest > _LONGEST or 0.0 < largest < 1.0 / _LONGEST:
        size = "too long" if finite else "too short" if vanished else f"{largest:.3g} long"
        raise FeaturesError(
            f"rows are {size}, and single precision, in which they are compared, would not hold their squares: "
            "multiply the layer by one number; nothing that a scan says of rows depends on it"
        )


def _first_pass(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[NDArray[np.int64], ...]]:
    """Lengths (NaN for damaged rows), the mean row, and rows that are equal bit by bit."""
    lengths, total = np.empty(len(rows)), np.zeros(rows.dimension)
    digests: dict[bytes, list[int]] = {}
    for place, block in rows.blocks():
        lengths[place] = row_lengths(block)
        good = np.isfinite(lengths[place])
        total += (block if good.all() else block[good]).sum(axis=0, dtype=np.float64)
        for row in np.flatnonzero(good & (lengths[place] > 0)):
            digests.setdefault(hashlib.blake2b(block[row].tobytes(), digest_size=16).digest(), []).append(
                place.start + int(row)
            )
    copies = [np.array(same, dtype=np.int64) for same in digests.values() if len(same) > 1]
    copies.sort(key=lambda same: (-same.size, int(same[0])))
    return lengths, total / max(int(np.isfinite(lengths).sum()), 1), tuple(copies)


def _groups(rows: Rows, lengths: NDArray[np.float64], rounding: float, rng: np.random.Generator) -> tuple[Group, ...]:
    most = find_majority(rows, float(np.median(lengths[rows.chosen])), rounding, rng)
    found = [] if most is None else [most]
    if most is not None:
        rows = rows.without(np.isin(rows.chosen, np.concatenate([most.rows, most.nearly])))
    typical = float(np.median(lengths[rows.chosen])) if len(rows) else 0.0
    while len(found) < _GROUPS and len(rows) >= FEWEST:
        centres = find_candidates(rows, lengths[rows.chosen], rng)
        group = find_group(rows, centres, typical, rounding, found, rng) if centres else None
        if group is None:
            break
        found.append(group)
        rows = rows.without(np.isin(rows.chosen, np.concatenate([group.rows, group.nearly])))
    return tuple(found)


def _runaway(lengths: NDArray[np.float64], groups: tuple[Group, ...]) -> NDArray[np.int64]:
    """Rows beyond the first valley right of nearly all lengths, leaving out what a group explains."""
    apart = np.isfinite(lengths) & (lengths > 0)
    for group in groups:
        apart[group.rows] = apart[group.nearly] = False
    index = np.flatnonzero(apart)
    if index.size < FEWEST:
        return np.empty(0, dtype=np.int64)
    x = np.log(lengths[index])
    beyond = [
        valley.right
        for valley in find_valleys(x, _ALPHA, in_log=True)
        if np.sum(x >= valley.right) <= _EXCEPTIONS * x.size
    ]
    if not beyond:
        return np.empty(0, dtype=np.int64)
    long = index[x >= beyond[0]]
    return long[np.argsort(-lengths[long], kind="stable")]
