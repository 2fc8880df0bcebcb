"""Files that are read only where they are plain ones, and written whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from penultimate.errors import FileError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Names of what a process has open: written to as they are, for there is nothing there to replace.
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
# How a system or a file system says that it has no files without a name.
_NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


def regular(path: "str | os.PathLike[str]") -> Path:
    """Make sure that a path is a plain file, before it is opened: opening a pipe or a device may wait for ever.

    Parameters
    ----------
    path : path-like
        Links are followed.

    Returns
    -------
    Path

    Raises
    ------
    FileError
        If there is nothing of that name, or it is a folder, a pipe, a socket or a device; the message begins with the
        path.

    Examples
    --------
    >>> regular("/dev/zero")
    Traceback (most recent call last):
    ...
    penultimate.errors.FileError: /dev/zero: this is a device: give a plain file
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        if os.path.basename(path) == "-":
            raise FileError("-: this is not read from standard input: give a file") from None
        raise FileError(f"{os.fspath(path)}: there is no such file or folder: check the path") from None
    except ValueError:
        raise FileError(f"{os.fspath(path)!r} cannot be the name of a file: check the path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{os.fspath(path)}: cannot be read ({reason}): check the path and its rights") from None
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise FileError(f"{os.fspath(path)}: this is {kind}: give a plain file")
    return Path(path)


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
        If the folder is missing, the path is a folder, or the disk refuses. Nothing is left behind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "report.html")
    >>> write_whole(path, "<p>done</p>")
    >>> path.read_text()
    '<p>done</p>'
    """
    with open_whole(path) as file, reporting_refusal(path):
        file.write(content if isinstance(content, bytes) else content.encode("utf-8", errors="replace"))


def check_writable(path: "str | os.PathLike[str]") -> None:
    """Make sure, as far as that can be known before, that a file can be written: for what takes long to make.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    FileError
        If its folder is missing or closed to the user, or the path is a folder; in the words of `write_whole`.

    Examples
    --------
    >>> check_writable("/no/such/folder/report.html")
    Traceback (most recent call last):
    ...
    penultimate.errors.FileError: cannot write '/no/such/folder/report.html': no such file or directory; make ...
    """
    if _is_stream(path):
        return
    target = _target(path)
    with reporting_refusal(path):
        os.stat(os.path.join(target.parent, ""))  # says that it is missing, or no folder
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


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
    if _is_stream(path):
        with reporting_refusal(path):
            file = _open_stream(path)
        with file:
            yield file
            with reporting_refusal(path):
                file.flush()
        return
    target = _target(path)
    with reporting_refusal(path):
        draft = _Draft(target)
    try:
        with draft.file:
            yield draft.file
            with reporting_refusal(path):
                draft.file.flush()
                draft.name_it()
        with reporting_refusal(path):
            os.replace(draft.path, target)
    except BaseException:
        draft.discard()
        raise


def _target(path: "str | os.PathLike[str]") -> Path:
    """What is replaced: where a link leads to, for a link stays a link."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FileError(f"cannot write {os.fspath(path)!r}: it is a folder; give the name of a file")
    return target


class _Draft:
    """A file that is still being written.

    Where the system can, it has no name until it is done: then nothing is left behind even of a process that is killed.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{secrets.token_hex(8)}.tmp")
        self._nameless = hasattr(os, "O_TMPFILE")
        if self._nameless:
            try:
                # With the rights that the user's umask gives, which a temporary file would not have.
                descriptor = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
                self._nameless = False
            else:
                self.file: IO[bytes] = open(descriptor, "wb")
                return
        self.file = open(self.path, "xb")

    def name_it(self) -> None:
        """Give the file its name, if it has none yet; what was written must be flushed."""
        if not self._nameless:
            return
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            # Only with the descriptor of a folder does Python let the system follow the link to the nameless file.
            os.link(f"/proc/self/fd/{self.file.fileno()}", self.path.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def _is_stream(path: "str | os.PathLike[str]") -> bool:
    """Whether a path is a pipe, a device, or what the process has open under another name."""
    if os.fspath(path).startswith(_STREAMS):
        return True
    with contextlib.suppress(OSError, ValueError):
        mode = os.stat(path).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def _open_stream(path: "str | os.PathLike[str]") -> IO[bytes]:
    # Not to wait for ever for somebody who reads a pipe: without one the system refuses at once.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0))
    os.set_blocking(descriptor, True)
    return open(descriptor, "wb")


@contextmanager
def reporting_refusal(path: "str | os.PathLike[str]") -> Generator[None]:
    """Say of what the system refuses in the block which file it was about, and how to mend it."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot write {os.fspath(path)!r}: {_mend(error)}") from error


def _mend(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"{reason}; make its folder first"
        case OSError(errno=errno.ENXIO):
            return "nobody reads this pipe, or it is a socket; give the name of a file"
        case PermissionError():
            return f"{reason}; choose a folder you may write to"
        case _:
            return f"{reason}; free some space or choose another place"
