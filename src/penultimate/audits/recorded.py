"""The JSON of a result, read back: every field has the type it was written with, or the record is damaged."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

from penultimate.audits import keys
from penultimate.counts.opening import opened
from penultimate.counts.readers import named, whole_text
from penultimate.errors import FileError, ProblemError
from penultimate.losses import check_name
from penultimate.version import __version__


def read_record(path: "str | os.PathLike[str]", command: str = "audit") -> Mapping[str, Any]:
    """Read the JSON of an audit, or of another command, as it is.

    Parameters
    ----------
    path : path-like
        As written by ``penultimate COMMAND --json``, perhaps compressed; ``-`` is standard input.
    command : str, default "audit"
        Named in messages.

    Returns
    -------
    mapping

    Raises
    ------
    FileError
        When the file is missing, holds no JSON object, or was written by a later version.
    """
    with named(path):
        try:
            with opened(Path(path), "json") as file:
                record = cast(object, json.loads(whole_text(cast("IO[str]", file.text))))
        except (FileError, OSError):
            raise
        except (ValueError, RecursionError) as error:
            raise FileError(f"this is no JSON ({error}): give what {command} --json wrote") from None
        if not isinstance(record, dict):
            raise FileError(f"this JSON is no {command}: give what {command} --json wrote")
        held = cast(Mapping[str, Any], record)
        if keys.VERSION in held:
            _check_version(held[keys.VERSION], command)
        return held


def _check_version(version: object, command: str) -> None:
    try:
        written, own = (tuple(map(int, str(v).split(".")[:2])) for v in (version, __version__))
    except ValueError:
        raise FileError(f"{version!r} is no version of penultimate: give what {command} --json wrote") from None
    if written > own:
        raise FileError(
            f"written by penultimate {version}, later than this {__version__}: update this, or write the "
            f"{command} again"
        )


def check_loss(loss: str, path: "str | os.PathLike[str]") -> None:
    """Check that the loss of a record can be made from its name; FileError, with the path, if not."""
    try:
        check_name(loss)
    except ProblemError:
        raise FileError(
            f"{path}: the loss {loss!r} has no name to make it from: give the audit itself, in Python"
        ) from None


class Record:
    """An object of the JSON; asking for what is not there, or is of another type, is a ValueError that names it.

    Parameters
    ----------
    held : object
        As parsed.
    name : str
        What it is, for messages.
    """

    def __init__(self, held: object, name: str) -> None:
        if not isinstance(held, Mapping):
            raise ValueError(f"{name} is no object")
        self._held = cast(Mapping[str, object], held)
        self._name = name

    def __getitem__(self, key: str) -> object:
        if key not in self._held:
            raise ValueError(f"{self._name} has no {key!r}")
        return self._held[key]

    def part(self, key: str) -> "Record":
        """An object."""
        return Record(self[key], key)

    def parts(self, key: str) -> "list[Record]":
        """A list of objects."""
        return [Record(held, f"an entry of {key}") for held in self._list(key)]

    def number(self, key: str) -> float:
        """A finite number."""
        return _number(self[key], key)

    def maybe_number(self, key: str) -> float | None:
        """A finite number, or null."""
        return None if self[key] is None else self.number(key)

    def count(self, key: str) -> int:
        """A whole number from 0 on."""
        value = self.number(key)
        if value < 0 or not value.is_integer():
            raise ValueError(f"{key} is {value}, not a whole number")
        return int(value)

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        return tuple(_number(value, f"an entry of {key}") for value in self._list(key))

    def maybe_numbers(self, key: str) -> tuple[float, ...] | None:
        """A list of finite numbers, or null."""
        return None if self[key] is None else self.numbers(key)

    def text(self, key: str) -> str:
        """A text."""
        return _text(self[key], key)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(_text(value, f"an entry of {key}") for value in self._list(key))

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self[key]
        if not isinstance(value, bool):
            raise ValueError(f"{key} is neither true nor false")
        return value

    def groups(self, key: str) -> tuple[tuple[str, ...], ...]:
        """A list of lists of texts."""
        groups = self._list(key)
        if not all(isinstance(group, list) for group in groups):
            raise ValueError(f"an entry of {key} is no list")
        return tuple(tuple(_text(name, f"a name in {key}") for name in cast(list[object], group)) for group in groups)

    def _list(self, key: str) -> list[object]:
        value = self[key]
        if not isinstance(value, list):
            raise ValueError(f"{key} is no list")
        return cast(list[object], value)


def _number(value: object, name: str) -> float:
    # True and False are numbers to Python, and none to JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} is not finite")
    return number


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value
