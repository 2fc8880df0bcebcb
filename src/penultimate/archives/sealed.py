"""Files of our own arrays that are believed only as they were written: .safetensors with a check sum over every byte.

The check sum stands in the header's metadata, as ``sha256``, and is that of the file with 64 zeros in its place.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FileError
from penultimate.files import regular

_BLANK = b"0" * 64
# No header of ours is longer; a file that says so of itself is none.
_LONGEST = 1 << 20


def seal(kind: str, arrays: Mapping[str, NDArray[Any]], note: Mapping[str, str]) -> bytes:
    """Arrays and a note as the content of a file.

    Parameters
    ----------
    kind : str
        What it is, with the version of its layout.
    arrays : mapping of str to ndarray
    note : mapping of str to str

    Returns
    -------
    bytes
    """
    from safetensors.numpy import save

    content = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        metadata={**note, "format": kind, "sha256": _BLANK.decode()},
    )
    return content.replace(_BLANK, hashlib.sha256(content).hexdigest().encode(), 1)


def unseal(path: "str | os.PathLike[str]", kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what `seal` made.

    Parameters
    ----------
    path : path-like
    kind : str
        The `kind` it was sealed as.

    Returns
    -------
    dict of str to ndarray
    dict of str to str
        The note.

    Raises
    ------
    FileError
        When the file is missing, something else, or any byte of it is another than was written.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "sums")
    >>> _ = path.write_bytes(seal("sums 1", {"a": np.ones(3)}, {"of": "ones"}))
    >>> arrays, note = unseal(path, "sums 1")
    >>> arrays["a"], note
    (array([1., 1., 1.]), {'of': 'ones'})
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = regular(path).read_bytes()
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{os.fspath(path)}: cannot be read ({error.strerror or error}): check its rights") from None
    try:
        note = _note(content)
        if not note.get("format", "").startswith(kind.rpartition(" ")[0]):
            raise FileError(f"{os.fspath(path)}: this is no {kind.rpartition(' ')[0]}: give another file")
        stated = note.pop("sha256").encode()
        at = content.index(stated)
        digest = hashlib.sha256(content[:at])
        digest.update(_BLANK)
        digest.update(memoryview(content)[at + len(stated) :])
        if digest.hexdigest().encode() != stated:
            raise ValueError("its check sum is another")
        if note.pop("format") != kind:
            raise FileError(f"{os.fspath(path)}: written by another version of penultimate: make it again")
        return load(content), note
    except FileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise FileError(f"{os.fspath(path)}: the file is damaged ({error}): write it again") from None


def is_sealed(path: "str | os.PathLike[str]", kind: str) -> bool:
    """Whether a file says of itself that `seal` made it, as that kind in any version; nothing else of it is read.

    Examples
    --------
    >>> is_sealed("nowhere", "sums 1")
    False
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            note = _note(length.to_bytes(8, "little") + file.read(min(length, _LONGEST)))
        return note.get("format", "").startswith(kind.rpartition(" ")[0])
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False


def _note(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__", {})
