"""Machine code on the disk, which can be missing or damaged: then it is compiled again.

Apart from `kernels`, so that Numba is imported where a loop is compiled and not before.
"""

# Numba ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import hashlib
import pickle
from typing import Any, cast

from numba.core import caching

_IndexDataCacheFile = cast(Any, caching).IndexDataCacheFile
_FunctionCache = cast(Any, caching).FunctionCache

_DIGEST = hashlib.sha256().digest_size


class KernelCache(_FunctionCache):
    """Numba's cache of one function; what cannot be read or written is as if it were not there."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFile(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Machine code for a signature, or None."""
        with contextlib.suppress(Exception):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code, where the disk lets us."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class _CheckedFile(_IndexDataCacheFile):
    """The files of a cache, each with a digest at its end, which unpickling does not look at.

    Machine code with a flipped bit would be run without it.
    """

    def _load_index(self) -> Any:
        try:
            with open(self._index_path, "rb") as file:
                pickle.load(file)
                _check(file.read())
            return super()._load_index()
        except Exception:  # unpickling raises anything
            return {}

    def _load_data(self, name: str) -> Any:
        with open(self._data_path(name), "rb") as file:
            _check(file.read())
        return super()._load_data(name)

    def _dump(self, obj: Any) -> bytes:
        content: bytes = super()._dump(obj)
        return content + hashlib.sha256(content).digest()


def _check(content: bytes) -> None:
    if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
        raise OSError("the file is damaged")
