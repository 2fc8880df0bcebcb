"""What this installation has, and how to get what it lacks: `penultimate doctor`."""

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate import kernels, threads
from penultimate.report.kit.terminal import LOOK, facts_table
from penultimate.version import __version__

# What PyTorch's users install by themselves.
_FRAMEWORKS = ("pytorch-lightning", "transformers")
_MINE = "penultimate"


def installation() -> Group:
    """Versions, threads, where compiled kernels are kept, and every extra."""
    return Group(facts_table(_facts()), Text(), _extras())


def _facts() -> Iterator[tuple[str, str]]:
    yield "penultimate", f"{__version__}, in {os.path.dirname(kernels.__file__)}"
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "numbers", ", ".join(f"{name} {_version(name) or '?'}" for name in ("numpy", "scipy", "numba"))
    said = os.environ.get("OMP_NUM_THREADS")
    why = f"OMP_NUM_THREADS is {said}" if said else "OMP_NUM_THREADS can say fewer"
    yield "threads", f"{threads.workers()} of {_cores()} cores ({why})"
    folder = kernels.cache_folder()
    how = f"compiled once, kept in {folder}"
    if not folder:
        how = "compiled anew by every process: no folder can be written to, set NUMBA_CACHE_DIR to one that can"
    yield "kernels", f"above {kernels.FEW_CLASSES:,} classes and from {kernels.FEW_SAMPLES:,} samples on; {how}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _extras() -> Table:
    table = Table("extra", "has", "to get it", **LOOK)
    known = extras()
    if not known:
        table.add_row("not known: the package runs from its source, uninstalled", "", "")
    if "torch" in known:
        known["torch"] += _FRAMEWORKS
    for extra, libraries in known.items():
        found = {library: _version(library) for library in libraries}
        has = ", ".join(f"{library} {held}" if held else f"no {library}" for library, held in found.items())
        lacks = [library for library, held in found.items() if not held]
        get = " ".join(lacks) if set(lacks) <= {*_FRAMEWORKS} else f"'{_MINE}[{extra}]'"
        table.add_row(extra, Text(has), Text(f"pip install {get}" if lacks else ""))
    return table


def extras() -> dict[str, list[str]]:
    """Extras and the libraries that they bring, as this installation's own metadata has them.

    Those of the project's developers are left out. Nothing where the package runs from its source, uninstalled.
    """
    found: dict[str, list[str]] = {}
    try:
        required = distribution(_MINE).requires or []
    except PackageNotFoundError:
        return found
    for line in required:
        parts = re.match(r"""([\w.-]+)[^;]*;.*extra == ['"](\w+)['"]""", line)
        if parts and parts[2] not in ("dev", "docs"):
            found.setdefault(parts[2], []).append(parts[1])
    return found


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
