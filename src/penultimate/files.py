"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from penultimate.errors import FileError


def write_whole(path: "str | os.PathLike[str]", content: str | bytes) -> None:
    """Write text or bytes to a file in one step: readers see the old file or the new one, never half of it.

    Parameters
    ----------
    path : path-like
        The file; one that exists is replaced, through a link too.
    content : str or bytes
        What it shall hold; text is written as UTF-8.

    Raises
    ------
    FileError
        If the folder is missing, the path is no plain file, or the disk refuses. Nothing is left behind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "report.html")
    >>> write_whole(path, "<p>done</p>")
    >>> path.read_text()
    '<p>done</p>'
    """
    with open_whole(path) as file, told(path):
        file.write(content if isinstance(content, bytes) else content.encode("utf-8", errors="replace"))


@contextmanager
def open_whole(path: "str | os.PathLike[str]") -> Generator[IO[bytes]]:
    """Open a file for writing in steps; it takes its name when the block ends well, and is gone when it does not.

    Parameters
    ----------
    path : path-like
        The file; one that exists is replaced, through a link too.

    Yields
    ------
    binary file

    Raises
    ------
    FileError
        As `write_whole`; what is raised in the block stays as it is.
    """
    # A link stays a link, and a device (/dev/null) is never replaced by a file.
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not a plain file"
        raise FileError(f"cannot write {os.fspath(path)!r}: it is {kind}; give the name of a file")
    draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
    with told(path):
        # "x" makes the file with the rights that the user's umask gives, which a temporary file would not have.
        file = open(draft, "xb")
    try:
        with file:
            yield file
            with told(path):
                file.flush()
        with told(path):
            os.replace(draft, target)
    except BaseException:
        _remove(draft)
        raise


@contextmanager
def told(path: "str | os.PathLike[str]") -> Generator[None]:
    """Say of what the system refuses in the block which file it was about, and how to mend it."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot write {os.fspath(path)!r}: {_mend(error)}") from error


def _remove(draft: Path) -> None:
    with contextlib.suppress(OSError):
        draft.unlink()


def _mend(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"{reason}; make its folder first"
        case PermissionError():
            return f"{reason}; choose a folder you may write to"
        case _:
            return f"{reason}; free some space or choose another place"
