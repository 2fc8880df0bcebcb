"""A head's arrays out of a file: those that say what they are (W, b), or those of a checkpoint that are found."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from numpy.typing import NDArray

from penultimate.archives.archive import Named
from penultimate.errors import FeaturesError
from penultimate.features.checkpoints.finding import find_bias, find_head
from penultimate.features.checkpoints.stored import stored_weights

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive


# What the weight of a layer is called: by torch and JAX, and where a dot may not be in a name.
_WEIGHT = re.compile(r"(.*[./_])?(weight|kernel)", re.IGNORECASE)


class HeadArrays(NamedTuple):
    """What a head is made of, in the order in which `Head` takes it."""

    layers: tuple[NDArray[Any], ...]
    bias: NDArray[Any] | None
    names: tuple[str, ...] | None
    origin: str | None


def read_named(archive: "Archive") -> HeadArrays | None:
    """The arrays ``W`` or ``W_1`` … ``W_L``, with ``b`` and ``classes``; None when there is no W.

    Parameters
    ----------
    archive : Archive
        An open file; only these arrays are read.

    Returns
    -------
    HeadArrays or None

    Raises
    ------
    FeaturesError
        When W_1 … W_L are not all there, or the arrays do not fit.
    """
    names = archive.names()
    keys = _layers(names)
    if not keys:
        return None
    stored = stored_weights(archive)
    shapes = [stored[key].shape if key in stored else archive.layout(key).shape for key in keys]
    # Shapes first: a file that lies about them is refused before anything is allocated.
    check_chain(shapes)
    bias = "b" if "b" in names else None
    if bias is not None and archive.layout(bias).shape != shapes[-1][:1]:
        refuse_bias(archive.layout(bias).shape, shapes[-1][0])
    how = [stored[key].how for key in keys if stored[key].how]
    return _arrays(archive, [stored[key].read(archive) for key in keys], bias, "; ".join(how) or None)


def read_beside(archive: "Archive", dimension: int | None, taken: Collection[str]) -> HeadArrays | None:
    """A head among features: the arrays of `read_named`, else the one matrix that is called a weight.

    Parameters
    ----------
    archive : Archive
        An open file; only the head's arrays are read.
    dimension : int or None
        Width of the features, where it is known.
    taken : collection of str
        Arrays that are something else.

    Returns
    -------
    HeadArrays or None

    Raises
    ------
    FeaturesError
        When several may be it, or the arrays do not fit.
    """
    named = read_named(archive)
    if named is not None:
        return named
    found = [name for name in archive.names() if name not in taken and _WEIGHT.fullmatch(name)]
    found = [name for name in found if len(archive.layout(name).shape) == 2]
    if len(found) > 1:
        raise FeaturesError(f"{' and '.join(found)} may each be the head beside the features: name it W")
    return read_checkpoint(archive, found[0], None, dimension) if found else None


def read_checkpoint(archive: "Archive", key: str | None, classes: int | None, dimension: int | None) -> HeadArrays:
    """The head's arrays of a checkpoint, with a word on where they are from.

    Parameters
    ----------
    archive : Archive
        Open; only the head's bytes are read.
    key : str or None
        The weight, where it is not to be found.
    classes, dimension : int or None
        K and d, where they are known.

    Returns
    -------
    HeadArrays

    Raises
    ------
    FeaturesError
        When there is none, or which it is remains open, or it cannot be made from what is stored.
    """
    own = _layers(archive.names()) if key is None else []
    if len(own) > 1 or own == ["W_1"]:
        return cast(HeadArrays, read_named(archive))
    weight, remark = find_head(archive, own[0] if own else key, classes, dimension)
    bias, of_bias = find_bias(archive, weight)
    read = weight.stored.read(archive)
    turned = "transposed from (width, classes)" if weight.transposed else ""
    remarks = [str(weight), weight.stored.how, turned, of_bias, remark]
    # What is called W needs no word, unless something was done with it.
    silent = bool(own) and not weight.stored.how and not turned
    origin = None if silent else ", ".join(filter(None, remarks))
    return _arrays(archive, [read.T if weight.transposed else read], bias, origin)


def check_chain(shapes: Sequence[tuple[int, ...]]) -> None:
    """Make sure that layers are matrices, each of which reads what the one before gives.

    Parameters
    ----------
    shapes : sequence of tuple of int
        The layer that reads the features first.

    Raises
    ------
    FeaturesError
    """
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


def refuse_bias(shape: tuple[int, ...], classes: int) -> None:
    """Refuse a bias of another shape than (K,).

    Raises
    ------
    FeaturesError
    """
    raise FeaturesError(f"the bias of the head has shape {shape} for {classes} classes: give one number for each")


def _layers(names: Sequence[str]) -> list[str]:
    """W, or W_1 … W_L."""
    numbers = sorted(int(name[2:]) for name in names if re.fullmatch(r"W_[1-9]\d*", name))
    if "W" in names and numbers:
        raise FeaturesError("both W and W_1 … W_L are there: keep the one or the others")
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        there = ", ".join(f"W_{number}" for number in numbers)
        raise FeaturesError(f"of the layers there are only {there}: give W_1 … W_L, none left out")
    return ["W"] if "W" in names else [f"W_{number}" for number in numbers]


def _arrays(archive: "Archive", layers: Sequence[NDArray[Any]], bias: str | None, origin: str | None) -> HeadArrays:
    vector = None if bias is None else archive.read(bias).ravel()
    if vector is not None and vector.dtype.kind != "f":
        raise FeaturesError(f"{bias} holds {vector.dtype} numbers: multiply it with its scale, or save it as float32")
    names = archive.classes()
    if names is None and isinstance(archive, Named):
        known = archive.vocabulary(len(layers[-1]))
        names = known if known is not None and len(known) == len(layers[-1]) == len(set(known)) else None
    return HeadArrays(tuple(layers), vector, None if names is None else cast(Any, names), origin)
