"""Threads of our own, and those of BLAS.

Blocks of rows are worked on in threads, each with one thread of BLAS: faster than one block with all threads of BLAS.
Where matrices are small BLAS is faster with one thread, too.
"""

import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar, cast

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_entered = 0
_limit: Any = None

# Steps of a kernel between two looks at Ctrl-C: a tenth of a second of divisions, a thousand times what a call costs.
_STEPS = 1 << 24
# Below so many steps threads are not worth starting: with 2 cores 512 distinct counts take 1.3 ms alone and 1.8 ms in a
# pool, 1,024 take 5.3 and 4.4 ms.
_ALONE = 1 << 19


def _after_fork() -> None:
    # Another thread may have held it when the process was forked, and is not here to give it back.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


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


def at_once(tasks: int) -> int:
    """How many threads so many tasks are given."""
    return max(1, min(workers(), tasks))


def in_turns(function: Callable[[int, Item], object], items: Sequence[Item], threads: int) -> None:
    """Call a function on all items, so many at a time in threads, each with one thread of BLAS.

    Which thread gets which item is always the same, so that what each adds up has the same roundings. Between two turns
    an interrupt is heeded.

    Parameters
    ----------
    function : callable
        Called with the number of the thread, from 0, and the item; releases Python's lock for most of its time.
    items : sequence
    threads : int
        One is the calling thread, and BLAS has all of its own.

    Examples
    --------
    >>> in_turns(lambda thread, item: print(thread, item), ["a", "b"], 1)
    0 a
    0 b
    """
    if threads == 1:
        for item in items:
            function(0, item)
        return
    with one_thread_of_blas(), ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(items), threads):
            list(pool.map(function, range(threads), items[first : first + threads]))


def over_rows(kernel: Callable[[int, int], object], rows: int, steps: int) -> None:
    """Call a kernel on ranges that make up 0 … rows − 1, in threads where there is enough to do.

    Between two ranges an interrupt is heeded, and no thread is left behind, so the process can fork at any time.

    Parameters
    ----------
    kernel : callable
        Called with the first row of a range and the one after its last; releases Python's lock.
    rows : int
    steps : int
        How much a row takes, in divisions or so.

    Examples
    --------
    >>> over_rows(lambda first, last: print(first, last), rows=3, steps=10)
    0 3
    """
    threads = workers() if rows * steps >= _ALONE else 1
    size = max(1, min(_STEPS // max(steps, 1), -(-rows // (4 * threads)) if threads > 1 else rows))
    _in_threads([partial(kernel, first, min(first + size, rows)) for first in range(0, rows, size)], threads)


def _in_threads(tasks: list[Callable[[], object]], threads: int) -> None:
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            task()
        return
    pool = ThreadPoolExecutor(threads)
    try:
        for future in [pool.submit(task) for task in tasks]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


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
