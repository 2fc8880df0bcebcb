"""What all benchmarks share: timing by the best of several runs, and one way to print."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

console = Console(width=None if Console().is_terminal else 120)


def best(function: Callable[[], object], repeats: int = 5) -> float:
    """Seconds of the fastest of several runs, after one that is not counted."""
    function()
    return min(_timed(function) for _ in range(repeats))


def alternately(*functions: Callable[[], object], rounds: int = 3) -> list[float]:
    """Seconds of the fastest run of each of several functions, called in turn so that all see the same machine."""
    runs = [[_timed(function) for function in functions] for _ in range(rounds + 1)]
    return [min(seconds) for seconds in zip(*runs[1:], strict=True)]


def once(function: Callable[[], object]) -> float:
    """Seconds of a single run, for what takes long."""
    return _timed(function)


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of a single run: what other work on the machine disturbs least."""
    start = time.process_time()
    function()
    return time.process_time() - start


def _timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def process(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a whole process ``penultimate …``; its output is thrown away."""
    command = str(Path(sys.executable).with_name("penultimate"))
    start = time.perf_counter()
    child = subprocess.Popen([command, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"penultimate {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024


def table(title: str, *columns: str) -> Table:
    """An empty table with the machine in its title."""
    cores = len(os.sched_getaffinity(0))
    out = Table(title=f"{title}  ({cores} cores, Python {platform.python_version()})", title_justify="left")
    for index, column in enumerate(columns):
        out.add_column(column, justify="left" if index == 0 else "right")
    return out
