"""Features in .npz: read in place where they are stored as they are, inflated block by block where they are compressed.

What is refused, before anything is allocated: members whose size differs from what their header promises, that expand
more than deflate can (1,032-fold), or that would be read whole, expand more than 100-fold and take more than 64 MiB.
The check sum of a compressed member is verified when its end is reached; members that are not compressed are read
without it, as fast as the disk gives them.
"""

import struct
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, check_texts, reporting_damage
from penultimate.archives.blocks import spans
from penultimate.archives.npy_header import read_header
from penultimate.archives.region import Region, fill
from penultimate.errors import FileError

# The most that deflate can do; https://zlib.net/zlib_tech.html
_DEFLATE = 1032
_WHOLE_RATIO = 100
_WHOLE_FREE = 64 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SKIP = 1 << 20


@contextmanager
def open_npz(path: Path) -> Generator["NpzArchive"]:
    """Open an .npz file.

    Parameters
    ----------
    path : Path

    Yields
    ------
    NpzArchive

    Raises
    ------
    FileError
        When it is damaged, truncated, or would expand without measure.
    """
    with reporting_damage(path, "an .npz archive"), zipfile.ZipFile(path) as archive:
        yield NpzArchive(path, archive)


class NpzArchive:
    """The arrays of an open .npz file.

    Parameters
    ----------
    path : Path
    archive : ZipFile
        The same file, open.

    Raises
    ------
    FileError
        When a name is there twice.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._regions: dict[str, Region] = {}
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in self._members:
                raise FileError(f"{path}: {name!r} is in the archive twice: write it again")
            self._members[name] = member

    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._members)

    def layout(self, name: str) -> Layout:
        """Shape and type of an array."""
        return self._region(name).layout

    def read(self, name: str) -> NDArray[Any]:
        """All of an array."""
        region, member = self._region(name), self._members[name]
        if member.compress_type == zipfile.ZIP_STORED:
            return region.read()
        check_size(region.shape, region.dtype.itemsize, f"{self._path}: {name}")
        if region.nbytes > max(_WHOLE_FREE, _WHOLE_RATIO * member.compress_size):
            raise FileError(
                f"{self._path}: {name} would expand from {member.compress_size} bytes to {region.nbytes}: "
                "that is no trained head; save it with numpy.savez"
            )
        flat = np.empty(region.shape[::-1] if region.by_column else region.shape, region.dtype)
        with self._archive.open(member) as file:
            read_header(file, self._path, name, 0, member.file_size)
            fill(file, flat, self._path)
        check_texts(flat, f"{self._path}: {name}")
        return flat.T if region.by_column else flat

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of an array from `start` on, cut at the multiples of `size`."""
        region = self._region(name)
        if self._members[name].compress_type == zipfile.ZIP_STORED:
            return region.blocks(start, size)
        if region.by_column:
            raise FileError(
                f"{self._path}: {name} is compressed and stored column by column, so it cannot be read in blocks: "
                f"save numpy.ascontiguousarray({name})"
            )
        return self._inflated(name, start, size)

    def classes(self) -> Sequence[object] | None:
        """The array ``classes``, if there is one."""
        return self.read("classes").ravel().tolist() if "classes" in self._members else None

    def _inflated(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        region, member = self._region(name), self._members[name]
        with self._archive.open(member) as file:
            read_header(file, self._path, name, 0, member.file_size)
            skip = start * (region.nbytes // region.shape[0])
            while skip:
                passed = len(file.read(min(skip, _SKIP)))
                if not passed:
                    raise FileError(f"{self._path}: {name} is truncated: write the file again")
                skip -= passed
            for first, end in spans(start, region.shape[0], size):
                block = np.empty((end - first, *region.shape[1:]), region.dtype)
                fill(file, block, self._path)
                yield block

    def _region(self, name: str) -> Region:
        if name not in self._regions:
            member = self._members[name]
            self._check_member(name, member)
            begin = self._begin(name, member) if member.compress_type == zipfile.ZIP_STORED else 0
            with self._archive.open(member) as file:
                self._regions[name] = read_header(file, self._path, name, begin, member.file_size)
        return self._regions[name]

    def _check_member(self, name: str, member: zipfile.ZipInfo) -> None:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise FileError(
                f"{self._path}: {name} is compressed by another method than NumPy's, or encrypted: "
                "write it with numpy.savez or numpy.savez_compressed"
            )
        most = 1 if member.compress_type == zipfile.ZIP_STORED else _DEFLATE
        if member.compress_size > self._path.stat().st_size or member.file_size > most * member.compress_size:
            raise FileError(
                f"{self._path}: {name} cannot expand from {member.compress_size} bytes to {member.file_size}: "
                "the archive is damaged or made to fill the memory"
            )

    def _begin(self, name: str, member: zipfile.ZipInfo) -> int:
        # The directory of the archive says where a member begins, but not how long the header there is.
        with self._path.open("rb") as file:
            file.seek(member.header_offset)
            header = file.read(_LOCAL_HEADER.size)
            magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        begin = member.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        if magic != b"PK\x03\x04" or begin + member.file_size > self._path.stat().st_size:
            raise FileError(f"{self._path}: {name} is damaged or truncated: write the file again")
        return begin
