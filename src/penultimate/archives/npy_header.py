"""The header of a .npy array, alone or inside an .npz: what it promises is checked before anything is allocated."""

import math
from pathlib import Path
from typing import IO, Any

import numpy as np

from penultimate.archives.region import Region
from penultimate.errors import FileError


def read_header(file: IO[bytes], path: Path, name: str, begin: int, stored: int) -> Region:
    """Read the header where an open file stands.

    Parameters
    ----------
    file : binary file
        At the beginning of the array.
    path : Path
        The file on the disk, named in messages.
    name : str
        The array, named in messages.
    begin : int
        Where in the file on the disk the array begins; of no use for compressed members.
    stored : int
        How many bytes there are, header and numbers.

    Returns
    -------
    Region
        With the offset of the first number; the file stands there.

    Raises
    ------
    FileError
        When it is no array, holds Python objects, or its size is not what the header promises.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, by_column, dtype = read(file)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise FileError(
            f"{path}: {name} is damaged, or no .npy array ({reason}); pickles are never loaded: write it with NumPy"
        ) from None
    _check_type(dtype, path, name)
    header = file.tell()
    region = Region(path, begin + header, shape, dtype, by_column and len(shape) > 1)
    if any(length < 0 for length in shape) or header + region.nbytes != stored:
        raise FileError(
            f"{path}: {name} is damaged or truncated: its header promises {dtype} numbers of shape {shape}, "
            f"{math.prod(shape) * dtype.itemsize} bytes, and there are {stored - header}: write it again"
        )
    return region


def _check_type(dtype: np.dtype[Any], path: Path, name: str) -> None:
    if dtype.hasobject:
        raise FileError(f"{path}: {name} holds pickled Python objects, which are never loaded: save numbers or text")
    if dtype.kind not in "fiubUS":
        raise FileError(f"{path}: {name} is of type {dtype}: save numbers (bfloat16 as float32) or text")
