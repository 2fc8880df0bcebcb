"""What is scanned, out of files: a last layer of a checkpoint, and names for its rows."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from numpy.typing import NDArray

from penultimate.archives.sharded import open_checkpoint
from penultimate.errors import FeaturesError, FileError
from penultimate.features.checkpoints.reading import read_checkpoint
from penultimate.files import regular

# What tokenizers of the usual libraries are saved as, beside the weights.
_TOKENIZER = "tokenizer.json"


class Layer(NamedTuple):
    """A last layer as it is stored."""

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    names: tuple[str, ...] | None
    source: str


def read_layer(path: "str | os.PathLike[str]", key: str | None = None) -> Layer:
    """Read the last layer of a checkpoint, with damaged rows as they are.

    Parameters
    ----------
    path : path-like
        As for `Head.read`.
    key : str, optional
        Name of the weight, where several may be the last layer.

    Returns
    -------
    Layer
        Its names are those in the file, or of the ``tokenizer.json`` beside it.

    Raises
    ------
    FileError, FeaturesError
        As `Head.read`; and when there is more than one layer.
    """
    place = Path(path)
    with open_checkpoint(place) as archive:
        try:
            layers, bias, names, origin = read_checkpoint(archive, key, None, None)
        except FeaturesError as error:
            raise FeaturesError(f"{place}: {error}") from None
    if len(layers) != 1:
        raise FeaturesError(f"{place}: the head has {len(layers)} layers: scan one of them, by its name (--key)")
    (weight,) = layers
    beside = (place if place.is_dir() else place.parent) / _TOKENIZER
    if names is None and beside.is_file():
        names = fitting(read_names(beside), len(weight), beside)
    return Layer(weight, bias, names, f"{place.name}, {origin}" if origin else place.name)


def read_names(path: "str | os.PathLike[str]") -> tuple[str, ...]:
    """Names of classes: one a line, a list in JSON, or the tokens of a ``tokenizer.json`` by their numbers.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tuple of str

    Raises
    ------
    FileError
        When the file cannot be read, is no text, or its JSON holds no names.
    """
    place = regular(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{place}: the names cannot be read ({error}): give UTF-8 text, one name a line") from None
    if place.suffix.lower() != ".json":
        return tuple(text.removesuffix("\n").split("\n")) if text else ()
    try:
        held: Any = json.loads(text)
        tokens = cast(list[object], held) if isinstance(held, list) else _tokens(held)
    except (ValueError, TypeError, KeyError, RecursionError):
        tokens = None
    names = [name for name in tokens or [] if isinstance(name, str)]
    if tokens is None or len(names) < len(tokens):
        raise FileError(f"{place}: no list of names and no tokenizer: give one name a line, or a tokenizer.json")
    return tuple(names)


def fitting(names: Sequence[str], rows: int, what: object) -> tuple[str, ...]:
    """Names for all rows; those that pad a vocabulary to a round number of rows get their number.

    Parameters
    ----------
    names : sequence of str
    rows : int
        K.
    what : object
        Where the names come from, for the message.

    Returns
    -------
    tuple of str
        Different from one another.

    Raises
    ------
    FeaturesError
        When there are more names than rows.
    """
    if len(names) > rows:
        raise FeaturesError(f"{what}: {len(names)} names for {rows} rows: give the names of this layer")
    taken: dict[str, int] = {}
    told: list[str] = []
    for row in range(rows):
        name = names[row] if row < len(names) else f"(row {row}, no name)"
        told.append(f"{name} (row {row})" if name in taken else name)
        taken[name] = row
    return tuple(told)


def _tokens(held: Any) -> list[object]:
    """The tokens of a tokenizer by their numbers; numbers that none has are gaps."""
    vocabulary: Any = held["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # pieces with their scores, in order
        vocabulary = {entry[0]: number for number, entry in enumerate(vocabulary)}
    listed = cast(Mapping[Any, Any], vocabulary)
    numbered = {int(number): str(token) for token, number in listed.items()}
    numbered |= {int(added["id"]): str(added["content"]) for added in held.get("added_tokens", [])}
    return [numbered.get(number, f"(no token {number})") for number in range(max(numbered, default=-1) + 1)]
