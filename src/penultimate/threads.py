"""Threads of our own, and those of BLAS.

Blocks of rows are worked on in threads, each with one thread of BLAS: faster than one block with all threads of BLAS.
Where matrices are small BLAS is faster with one thread, too.
"""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

_lock = threading.Lock()
_entered = 0
_limit: Any = None


@cache
def _blas() -> Any:
    # The library ships no types.
    return cast(Any, ThreadpoolController()).select(user_api="blas")


def workers() -> int:
    """How many threads BLAS may use (``OMP_NUM_THREADS`` and the like decide), and so may we."""
    threads: list[int] = [library["num_threads"] for library in _blas().info()]
    return max(threads, default=1)


def each(function: Callable[[int], Result], number: int) -> list[Result]:
    """Call a function with 0 … number − 1, each in a thread of its own, and return what it returned, in order.

    Parameters
    ----------
    function : callable
        Releases Python's lock for most of its time (NumPy's products and our kernels do).
    number : int
        How many calls; one is made in the calling thread.

    Returns
    -------
    list
    """
    if number == 1:
        return [function(0)]
    with one_thread_of_blas(), ThreadPoolExecutor(number) as pool:
        return list(pool.map(function, range(number)))


@contextmanager
def one_thread_of_blas() -> Generator[None]:
    """Give BLAS one thread in this process, and with it `workers` one, until the last who asked for it is done."""
    # The setting belongs to the whole process: of several callers the first makes it and the last takes it back.
    global _entered, _limit
    with _lock:
        if _entered == 0:
            _limit = _blas().limit(limits=1)
        _entered += 1
    try:
        yield
    finally:
        with _lock:
            _entered -= 1
            if _entered == 0:
                _limit.restore_original_limits()
