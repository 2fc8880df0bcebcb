"""What is scanned, out of files: a last layer of a model, and whether its rows are an embedding of inputs as well."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from penultimate.archives.npy_set import npy_parts
from penultimate.archives.packed import Packed
from penultimate.archives.sharded import open_checkpoint
from penultimate.errors import FeaturesError
from penultimate.features.checkpoints.finding import Candidate, Grade, find_bias, find_candidates, find_head
from penultimate.scans.naming import names_of

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive


class Layer(NamedTuple):
    """A last layer as it is stored.

    Attributes
    ----------
    weight : Packed or ndarray
        Its rows, as they are stored or widened.
    bias : ndarray or None
    names : tuple of str or None
        Those that the file, or what lies beside it, has; perhaps fewer than rows.
    tokenizer : Path or None
        The tokenizer whose tokens these are.
    source : str
        Which weight of which file, and what was done with it.
    dtype : str
        What it is stored in.
    rounding : float
        Relative rounding of that.
    tied : bool
        Whether its rows are an embedding of inputs.
    """

    weight: Packed | NDArray[Any]
    bias: NDArray[Any] | None
    names: tuple[str, ...] | None
    tokenizer: Path | None
    source: str
    dtype: str
    rounding: float
    tied: bool


def read_layer(path: "str | os.PathLike[str]", key: str | None = None) -> Layer:
    """Read the last layer of a model, or where it has none the embedding of its tokens; damaged rows as they are.

    Parameters
    ----------
    path : path-like
        As for `Head.read`, or a .npy file with a matrix.
    key : str, optional
        Name of the weight, where several may be the last layer.

    Returns
    -------
    Layer

    Raises
    ------
    FileError, FeaturesError, MissingDependencyError
        As `Head.read`.
    """
    place = Path(path)
    with open_checkpoint(place) as archive:
        try:
            wanted = npy_parts(place)[1] if key is None and place.suffix.casefold() == ".npy" else key
            return _read(archive, place, *find_head(archive, wanted, None, None, embedding=True))
        except FeaturesError as error:
            raise FeaturesError(f"{place}: {error}") from None


def read_layers(path: "str | os.PathLike[str]") -> Iterator[Layer]:
    """Read every weight that may be a last layer or an embedding, one after another.

    Parameters
    ----------
    path : path-like
        As for `read_layer`.

    Yields
    ------
    Layer

    Raises
    ------
    FileError, FeaturesError, MissingDependencyError
        As `read_layer`; and when there is none.
    """
    place = Path(path)
    with open_checkpoint(place) as archive:
        try:
            found = find_candidates(archive)
            if not found:
                raise FeaturesError("there is no matrix outside the body of a network: give the file of its last layer")
            for candidate in found:
                yield _read(archive, place, candidate, "")
        except FeaturesError as error:
            raise FeaturesError(f"{place}: {error}") from None


def _read(archive: "Archive", place: Path, found: Candidate, remark: str) -> Layer:
    stored = found.stored
    bias, of_bias = find_bias(archive, found)
    weight = stored.read(archive).T if found.transposed else stored.packed(archive)
    turned = "transposed from (width, classes)" if found.transposed else ""
    said = [str(found), stored.how, turned, of_bias, remark]
    is_tied = getattr(archive, "is_tied", None)
    return Layer(
        weight,
        None if bias is None else archive.read(bias).ravel(),
        *names_of(archive, place, len(weight)),
        f"{place.name}, {', '.join(filter(None, said))}",
        stored.dtype,
        stored.rounding,
        found.grade is Grade.EMBEDDING or (is_tied is not None and is_tied(found.name)),
    )
