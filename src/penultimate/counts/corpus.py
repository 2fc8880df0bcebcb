"""How often each token of a tokenizer occurs in texts: the class counts of a language model, in one pass over them.

Texts are read in pieces, so that a corpus of any size takes little memory, and each batch of pieces is encoded on all
cores. A piece ends before a line break with no other space around it: there the usual tokenizers end a token anyway,
and what one of them puts before a text comes once for each piece, not for each line.
"""

import codecs
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from penultimate.counts.class_counts import ClassCounts
from penultimate.errors import CountsError, FileError
from penultimate.files import regular
from penultimate.optional import needed

Text = str | os.PathLike[str] | io.BufferedIOBase

# Bytes read at once, characters of a piece and of one without a line break, pieces of a batch: half a second of work.
_READ, _PIECE, _LONGEST, _BATCH = 1 << 18, 1 << 16, 1 << 20, 16
_BREAK = re.compile(r"(?<=\S)(?=\n\S)")


def count_tokens(
    texts: Iterable[Text],
    tokenizer: str | os.PathLike[str],
    *,
    on_progress: Callable[[str, int], object] | None = None,
) -> ClassCounts:
    """Count the tokens of texts, those that never occur included.

    Parameters
    ----------
    texts : iterable of path-like or binary file
        UTF-8.
    tokenizer : path-like
        A ``tokenizer.json``, as the library tokenizers writes it. Marks that it puts around a text are not counted,
        and texts are neither cut nor padded, whatever the file says.
    on_progress : callable, optional
        Called with the name of a text and the bytes read since the last call.

    Returns
    -------
    ClassCounts
        One class for each number of the vocabulary, in the order of a model's rows.

    Raises
    ------
    FileError
        When the tokenizer is none, or a text cannot be read or is not UTF-8.
    CountsError
        When the texts hold no token.
    MissingDependencyError
        When tokenizers is not installed.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> import penultimate as pen
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> model = {"type": "WordLevel", "vocab": {"?": 0, "newt": 1, "cat": 2}, "unk_token": "?"}
    >>> saved = {"version": "1.0", "model": model, "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}}
    >>> _ = (folder / "tokenizer.json").write_text(json.dumps(saved))
    >>> _ = (folder / "text.txt").write_text("cat newt cat")
    >>> pen.count_tokens([folder / "text.txt"], folder / "tokenizer.json").values
    array([0., 1., 2.])
    """
    opened = _open(tokenizer)
    names = _names(opened)
    found = np.zeros(len(names), dtype=np.int64)
    for text in texts:
        for batch in _batches(text, on_progress or (lambda name, size: None)):
            for encoding in opened.encode_batch(batch, add_special_tokens=False):
                found += np.bincount(np.asarray(encoding.ids, dtype=np.int64), minlength=found.size)
    if not found.any():
        raise CountsError("the texts hold no token of this tokenizer: give texts that are not empty")
    return ClassCounts(found, names)


def _open(tokenizer: str | os.PathLike[str]) -> Any:
    tokenizers = needed("tokenizers", "models", "counting tokens")
    place = regular(tokenizer)
    try:
        opened = tokenizers.Tokenizer.from_file(str(place))
    except Exception as error:  # the library raises bare exceptions
        reason = str(error).partition("\n")[0]
        raise FileError(f"{place}: this is no tokenizer ({reason}): give a tokenizer.json") from None
    opened.no_truncation()
    opened.no_padding()
    return opened


def _names(tokenizer: Any) -> list[str]:
    """Tokens by their numbers; numbers that none has are rows all the same."""
    # Two tokens may claim one number: the library then answers with the added one, and its dictionary with either.
    size = max(map(int, tokenizer.get_vocab(with_added_tokens=True).values()), default=-1) + 1
    return [str(tokenizer.id_to_token(number) or f"(no token {number})") for number in range(size)]


def _batches(text: Text, on_progress: Callable[[str, int], object]) -> Iterator[list[str]]:
    batch: list[str] = []
    for piece in _pieces(text, on_progress):
        batch.append(piece)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _pieces(text: Text, on_progress: Callable[[str, int], object]) -> Iterator[str]:
    rest = ""
    for characters in _characters(text, on_progress):
        rest += characters
        while (end := _end(rest)) is not None:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _end(text: str) -> int | None:
    """Where the first piece of a text ends; None where it may go on."""
    found = _BREAK.search(text, _PIECE)
    if found is not None:
        return found.start()
    if len(text) <= _LONGEST:
        return None
    space = text.rfind(" ", 0, _LONGEST)
    return space if space > 0 else _LONGEST


def _characters(text: Text, on_progress: Callable[[str, int], object]) -> Iterator[str]:
    if not isinstance(text, str | os.PathLike):
        yield from _decoded(text, str(getattr(text, "name", "the text")), on_progress)
        return
    place = regular(text)
    try:
        with Path(place).open("rb") as file:
            yield from _decoded(file, str(place), on_progress)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{place}: cannot be read ({error.strerror}): check the path and its rights") from None


def _decoded(file: io.BufferedIOBase, name: str, on_progress: Callable[[str, int], object]) -> Iterator[str]:
    decoder, before = codecs.getincrementaldecoder("utf-8-sig")(), 0
    while True:
        held = file.read(_READ)
        pending = len(decoder.getstate()[0])
        try:
            characters = decoder.decode(held, final=not held)
        except UnicodeDecodeError as error:
            at = before - pending + error.start
            raise FileError(
                f"{name}: byte {at:,} is not UTF-8: give text in UTF-8, as `iconv -f ENCODING -t UTF-8` makes of others"
            ) from None
        on_progress(name, len(held))
        before += len(held)
        if characters:
            yield characters
        if not held:
            return
