"""Which reader opens which file, by its suffix."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from penultimate.archives.archive import Archive
from penultimate.archives.chunked import open_hdf5, open_zarr
from penultimate.archives.npy_set import open_npy
from penultimate.archives.npz import open_npz
from penultimate.archives.parquet import open_parquet
from penultimate.archives.safetensors_file import open_safetensors
from penultimate.errors import FileError
from penultimate.files import regular

SUFFIXES = (".npz", ".safetensors", ".npy", ".parquet", ".zarr", ".h5", ".hdf5")


def format_of(path: Path) -> str | None:
    """The format of a file or store, as one of the suffixes; None when it is not known.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str or None

    Examples
    --------
    >>> from pathlib import Path
    >>> from penultimate.archives.formats import format_of
    >>> format_of(Path("a.HDF5")), format_of(Path("README.md"))
    ('.h5', None)
    """
    if path.is_dir():
        return ".zarr" if any((path / name).is_file() for name in ("zarr.json", ".zgroup")) else None
    suffix = path.suffix.casefold()
    return ".h5" if suffix == ".hdf5" else suffix if suffix in SUFFIXES else None


@contextmanager
def open_archive(path: Path, allowed: Sequence[str] = SUFFIXES) -> Generator[Archive]:
    """Open a file of named arrays.

    Parameters
    ----------
    path : Path
    allowed : sequence of str
        Formats that will do.

    Yields
    ------
    Archive

    Raises
    ------
    FileError
        When it is missing, empty, damaged, or of another format; the message names it.
    MissingDependencyError
        When its library is not installed.
    """
    if not path.is_dir():
        regular(path)
    kind = format_of(path)
    if kind is None or kind not in allowed:
        raise FileError(f"{path}: this is none of {', '.join(allowed)}: write it as one of these")
    if path.is_file() and not path.stat().st_size:
        raise FileError(f"{path}: the file is empty: write it again")
    with _opened(kind, path) as archive:
        yield archive


def _opened(kind: str, path: Path) -> AbstractContextManager[Archive]:
    match kind:
        case ".npz":
            return open_npz(path)
        case ".safetensors":
            return open_safetensors(path)
        case ".npy":
            return open_npy(path)
        case ".parquet":
            return open_parquet(path)
        case ".zarr":
            return open_zarr(path)
        case _:
            return open_hdf5(path)
