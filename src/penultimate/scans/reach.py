"""Which tokens a tokenizer can produce: those that come back when their own text is encoded.

A token that was never trained and that no text becomes does no harm. One that a text becomes puts an untrained row into
the input, and is what jailbreaks look for (Land and Bartolo 2024, arXiv 2405.05417, section 3.1).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from penultimate.errors import FileError
from penultimate.files import regular
from penultimate.optional import needed

# What stands before the text: a token may occur only at the beginning, within a word, or after a space.
_BEFORE = ("", "a", "a ")
# A piece that goes on with a word, by its mark, is never at a beginning.
_WITHIN = ("a", "1")
# What bytes that are no character are decoded to.
_BROKEN = "\ufffd"


@dataclass(frozen=True)
class Reach:
    """Tokens of rows that were never trained, by whether a text becomes them.

    Attributes
    ----------
    tokenizer : str
        Name of its file.
    unreachable : ndarray
        No text that was tried comes back as these: the tokenizer never, or hardly ever, produces them.
    reachable : ndarray
        These come back.
    special : ndarray
        These stand for themselves, as marks of beginnings, of roles and the like.
    untried : ndarray
        Parts of characters, which have no text by themselves, and rows without a token.
    """

    tokenizer: str
    unreachable: Int[np.ndarray, " u"]
    reachable: Int[np.ndarray, " r"]
    special: Int[np.ndarray, " s"]
    untried: Int[np.ndarray, " t"]


def find_reach(path: "str | os.PathLike[str]", rows: Int[np.ndarray, " n"]) -> Reach:
    """Encode the text of each token again.

    Parameters
    ----------
    path : path-like
        A ``tokenizer.json``.
    rows : ndarray of shape (n,)
        Numbers of the tokens.

    Returns
    -------
    Reach

    Raises
    ------
    FileError
        When the file is no tokenizer.
    MissingDependencyError
        When `tokenizers` is not installed.
    """
    tokenizers = needed("tokenizers", "models", "the test of what a tokenizer can produce")
    place = regular(path)
    try:
        tokenizer: Any = tokenizers.Tokenizer.from_file(str(place))
    except Exception as error:  # the library raises bare exceptions
        reason = str(error).partition("\n")[0]
        raise FileError(f"{place}: this is no tokenizer ({reason}): give a tokenizer.json") from None
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    sorted_into: dict[str, list[int]] = {"unreachable": [], "reachable": [], "special": [], "untried": []}
    for row in rows.tolist():
        texts = list(_texts(tokenizer, row))
        if row in special:
            kind = "special"
        elif not texts:
            kind = "untried"
        else:
            back = any(row in tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
            kind = "reachable" if back else "unreachable"
        sorted_into[kind].append(row)
    return Reach(place.name, **{kind: np.array(some, dtype=np.int64) for kind, some in sorted_into.items()})


def _texts(tokenizer: Any, row: int) -> Iterator[str]:
    """Texts that may become a token."""
    token: str | None = tokenizer.id_to_token(row)
    if token is None:
        return
    mark: str | None = getattr(tokenizer.model, "continuing_subword_prefix", None)
    if mark and token.startswith(mark):
        yield from (before + token.removeprefix(mark) for before in _WITHIN)
        return
    text: str = tokenizer.decode([row], skip_special_tokens=False)
    if text and _BROKEN not in text:
        yield from (before + text for before in _BEFORE)
