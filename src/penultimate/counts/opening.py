"""Files as people keep them: compressed, on standard input, in a pipe; and of which format they are."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from penultimate.errors import FileError
from penultimate.optional import needed

SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".tab": "tsv",
    ".tsv": "tsv",
    ".lst": "csv",
    ".list": "csv",
    ".dat": "csv",
    ".md": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))

_TEXTS = ("csv", "tsv", "json", "jsonl")
_MAGIC = {
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
# Pipes that the shell has opened at their other end, so that nobody waits for a writer: /dev/stdin, <(…).
_OPEN_PIPES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def _zstd(path: Path) -> Any:
    try:
        from compression import zstd  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
    except ImportError:
        arrow = needed("pyarrow", "parquet", "a file compressed by zstd")
        return arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd")
    return zstd.open(path)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


_COMPRESSED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _zstd}
_DAMAGE = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, zlib.error)


class Opened(NamedTuple):
    """A file of known format.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    path : Path
        Where it lies uncompressed; of no use for texts.
    text : text file or None
        For texts.
    """

    format: str
    path: Path
    text: IO[str] | None


@contextmanager
def opened(path: Path, kind: str | None = None) -> Generator[Opened]:
    """Open a file, find its format, and undo its compression.

    Parameters
    ----------
    path : Path
        ``-`` is standard input.
    kind : str, optional
        One of `FORMATS`, where the suffix does not tell.

    Yields
    ------
    Opened

    Raises
    ------
    FileError
        When it is missing, empty, no file, of no known format, or its compression is damaged.
    """
    if kind is not None and kind not in FORMATS:
        raise FileError(f"format={kind!r} is not known: say one of {', '.join(FORMATS)}")
    try:
        if str(path) == "-":
            with _spooled(cast(IO[bytes], sys.stdin.buffer)) as copy, _of_file(copy, kind, "") as found:
                yield found
            return
        _check(path)
        if path.is_file():
            with _of_file(path, kind, path.name) as found:
                yield found
            return
        with path.open("rb") as pipe, _spooled(pipe) as copy, _of_file(copy, kind, "") as found:
            yield found
    except _DAMAGE as error:
        raise FileError(f"the compressed file is damaged or cut short ({error}): write it again") from None


def _check(path: Path) -> None:
    if not path.exists():
        raise FileError("there is no such file or folder: check the path")
    if path.is_file() and not path.stat().st_size and not str(path).startswith(_OPEN_PIPES):
        raise FileError("the file is empty: check whether it was written to its end")
    if not path.is_file() and not str(path).startswith(_OPEN_PIPES):
        raise FileError("this is neither a regular file nor a folder: give one of these")


@contextmanager
def _spooled(stream: IO[bytes]) -> Generator[Path]:
    """A copy on the disk of what can be read only once."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "input")
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        if not copy.stat().st_size:
            raise FileError("the input is empty: check what was to write it")
        yield copy


@contextmanager
def _of_file(path: Path, kind: str | None, name: str) -> Generator[Opened]:
    """A regular file, whose name may tell its format."""
    stem, suffix = os.path.splitext(name.casefold())
    if (not suffix and kind is None) or path.name != name:
        found = _sniffed(path)
        suffix = found if found.startswith(".") else suffix
        kind = kind or (None if found.startswith(".") else found)
    if suffix == ".zip":
        with _zipped(path, kind) as found:
            yield found
        return
    inner = os.path.splitext(stem)[1] if suffix in _COMPRESSED else suffix
    known = kind or SUFFIXES.get(inner)
    if known is None and suffix in _COMPRESSED:
        known = "csv"
    if known is None:
        raise FileError(
            f"files ending in {suffix!r} are not known: give one of {', '.join(SUFFIXES)}, a folder, or say what it is "
            "with --format"
        )
    if suffix not in _COMPRESSED:
        if known not in _TEXTS:
            yield Opened(known, path, None)
            return
        with path.open("rb") as file, _decoded(file) as text:
            yield Opened(known, path, text)
        return
    with _COMPRESSED[suffix](path) as stream, _of_stream(stream, known) as found:
        yield found


@contextmanager
def _zipped(path: Path, kind: str | None) -> Generator[Opened]:
    with zipfile.ZipFile(path) as archive:
        names = [
            n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX") and "/." not in n
        ]
        if names and all(name.endswith(".npy") for name in names):
            yield Opened("npz", path, None)
            return
        if len(names) != 1:
            listed = ", ".join(map(repr, names[:4])) or "nothing"
            raise FileError(f"the archive holds {len(names)} files ({listed}): unpack it and give one, or the folder")
        known = kind or SUFFIXES.get(os.path.splitext(names[0].casefold())[1])
        if known is None:
            raise FileError(f"the archive holds {names[0]!r}, of no known format: say what it is with --format")
        with archive.open(names[0]) as stream, _of_stream(stream, known) as found:
            yield found


@contextmanager
def _of_stream(stream: Any, known: str) -> Generator[Opened]:
    if known in _TEXTS:
        with _decoded(stream) as text:
            yield Opened(known, Path(), text)
        return
    with _spooled(stream) as copy:
        yield Opened(known, copy, None)


@contextmanager
def _decoded(stream: Any) -> Generator[IO[str]]:
    """Text of a binary stream: UTF-8, or UTF-16 with its mark."""
    buffered = io.BufferedReader(cast(Any, _Raw(stream)), 1 << 16)
    mark = buffered.peek(2)[:2]
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with io.TextIOWrapper(buffered, encoding=encoding, newline="") as text:
        yield text


class _Raw(io.RawIOBase):
    """What reads like a file, for a buffer to read from."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _sniffed(path: Path) -> str:
    """The format, or the suffix of the compression, told by the first bytes."""
    with path.open("rb") as file:
        head = file.read(1 << 12)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"{", b"[")):
        return "csv"
    first, _, second = text.partition(b"\n")
    return "jsonl" if first.rstrip().endswith((b"}", b"]")) and second.lstrip().startswith((b"{", b"[")) else "json"
