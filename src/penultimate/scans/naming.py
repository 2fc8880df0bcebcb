"""Names for the rows of a last layer: out of the model's own file, of what lies beside it, or of a list."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from penultimate.archives.archive import Named
from penultimate.errors import FeaturesError, FileError
from penultimate.files import regular

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive

# What tokenizers of the usual libraries are saved as, beside the weights; and what names the classes of a classifier.
TOKENIZER, _CONFIG = "tokenizer.json", "config.json"
# Vocabularies are padded to a multiple of at most so many rows, or of so large a part of them.
_PADDING, _PADDED = 1024, 20


def names_of(archive: "Archive", place: Path, rows: int) -> tuple[tuple[str, ...] | None, Path | None]:
    """Names that come with a model, and the tokenizer if they are its tokens.

    Parameters
    ----------
    archive : Archive
        Open.
    place : Path
        The model's file or folder.
    rows : int
        K.

    Returns
    -------
    tuple of str or None, Path or None
        Names in the file; else of the ``config.json`` or ``tokenizer.json`` beside it, if their number fits.
    """
    own = archive.classes()
    if own is None and isinstance(archive, Named):
        own = archive.vocabulary(rows)
    if own is not None:
        return tuple(map(str, own)), None
    classes = _classes(beside(place, _CONFIG))
    if classes is not None and len(classes) == rows:
        return classes, None
    tokenizer = beside(place, TOKENIZER)
    tokens = None if tokenizer is None else read_names(tokenizer)
    return (tokens, tokenizer) if tokens is not None and pads(len(tokens), rows) else (None, None)


def beside(place: Path, name: str) -> Path | None:
    """A file of this name in the folder of a model, or above one that is called after a format; None without."""
    folder = place if place.is_dir() else place.parent
    above = [folder.parent] if folder.name in ("onnx", "gguf") else []
    return next((where / name for where in [folder, *above] if (where / name).is_file()), None)


def is_tokenizer(path: "str | os.PathLike[str]") -> bool:
    """Whether names that were read from a file are the tokens of a tokenizer, and no list."""
    place = Path(path)
    return place.suffix.lower() == ".json" and place.read_text(encoding="utf-8-sig").lstrip().startswith("{")


def pads(names: int, rows: int) -> bool:
    """Whether so many names may be those of so many rows, the last of which pad a vocabulary."""
    return 0 <= rows - names <= max(_PADDING, rows // _PADDED)


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
        When there are more names than rows, or far fewer.
    """
    if not pads(len(names), rows):
        raise FeaturesError(f"{what}: {len(names)} names for {rows} rows: give the names of this layer")
    taken: dict[str, int] = {}
    told: list[str] = []
    for row in range(rows):
        name = names[row] if row < len(names) else f"(row {row}, no name)"
        told.append(f"{name} (row {row})" if name in taken else name)
        taken[name] = row
    return tuple(told)


def _classes(path: Path | None) -> tuple[str, ...] | None:
    """The ``id2label`` of a configuration, by its numbers."""
    if path is None:
        return None
    try:
        held: Any = json.loads(path.read_text(encoding="utf-8"))
        named = cast(Mapping[str, object], held["id2label"])
        numbered = {int(number): str(name) for number, name in named.items()}
        return tuple(numbered[number] for number in range(len(numbered)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _tokens(held: Any) -> list[object]:
    """The tokens of a tokenizer by their numbers; numbers that none has are gaps."""
    vocabulary: Any = held["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # pieces with their scores, in order
        vocabulary = {entry[0]: number for number, entry in enumerate(vocabulary)}
    listed = cast(Mapping[Any, Any], vocabulary)
    numbered = {int(number): str(token) for token, number in listed.items()}
    numbered |= {int(added["id"]): str(added["content"]) for added in held.get("added_tokens", [])}
    return [numbered.get(number, f"(no token {number})") for number in range(max(numbered, default=-1) + 1)]
