"""Memory of a task on a worker, which keeps what it frees until it is done.

Dask has the allocator of its workers hand back at once whatever is freed (``MALLOC_TRIM_THRESHOLD_``), so that it sees
what they really hold. Every block of rows then gets fresh pages, which the system has to clear first: it took longer
than the sums, and more so with every worker beside.
"""

import ctypes
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

# M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h, each with the most that it may be.
_THRESHOLDS = {-1: (1 << 31) - 1, -3: 1 << 25}


@contextmanager
def kept_memory() -> Generator[None]:
    """Let the allocator keep what is freed until the end, and then hand it back; do nothing where it is not glibc's."""
    allocator = _allocator()
    try:
        yield
    finally:
        if allocator is not None:
            allocator.malloc_trim(0)


@cache
def _allocator() -> Any:
    """Glibc with its thresholds set, for good: setting them back while other threads allocate is not safe."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return None
    for option, most in _THRESHOLDS.items():
        library.mallopt(option, most)
    return library
