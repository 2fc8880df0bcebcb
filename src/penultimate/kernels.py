"""Loops that Numba compiles, with a cache on the disk that can be missing or damaged: then they are compiled again.

They release Python's lock, so that threads run them side by side and an interrupt is heard.
"""

# Numba ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import caching

Function = TypeVar("Function", bound=Callable[..., Any])

_numba = cast(Any, numba)
_IndexDataCacheFile = cast(Any, caching).IndexDataCacheFile
_FunctionCache = cast(Any, caching).FunctionCache

_DIGEST = hashlib.sha256().digest_size


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Compile a function for numbers and arrays when it is first called.

    Parameters
    ----------
    **options
        Those of `numba.njit`.

    Returns
    -------
    callable
        Decorates the function.

    Examples
    --------
    >>> @kernel(error_model="numpy")
    ... def half(x):
    ...     return x / 2.0
    >>> half(3.0)
    1.5
    """

    def compiled(function: Function) -> Function:
        dispatcher = _numba.njit(nogil=True, **options)(function)
        # Where neither the package, nor the user, nor NUMBA_CACHE_DIR has a folder to write to, there is no cache.
        with contextlib.suppress(RuntimeError, OSError):
            dispatcher._cache = _Cache(function)
        return dispatcher

    return compiled


def cache_folder() -> str | None:
    """Where compiled functions are kept; None where no folder can be written to.

    Returns
    -------
    str or None
    """
    with contextlib.suppress(RuntimeError, OSError):
        return str(_Cache(cache_folder).cache_path)
    return None


class _Cache(_FunctionCache):
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
