"""Writing files whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from penultimate.errors import FileError


def write_text(path: "str | os.PathLike[str]", text: str) -> None:
    """Write a text file under a temporary name beside it, then rename it: it is there whole, or not at all.

    Raises
    ------
    FileError
        If the folder does not exist or cannot be written to.
    """
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise FileError(f"cannot write {target}: {error.strerror}; choose a folder that exists") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise FileError(f"cannot write {target}: {error.strerror}; choose another path") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
