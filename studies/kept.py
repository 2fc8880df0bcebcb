"""Arrays that are dear to make, kept in the scratch folder and written whole: no process beside reads half of one."""

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from penultimate.files import write_whole

# Where finished work is kept, so that a study that was interrupted goes on; not under version control.
SCRATCH = Path(os.environ.get("PENULTIMATE_STUDIES_SCRATCH", ".studies"))


def kept_arrays(path: Path, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays by name, from a file where they have been made before."""
    if not path.exists():
        keep_arrays(path, make())
    return read_arrays(path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, of a file that is there."""
    with np.load(path) as arrays:
        return dict(arrays)


def keep_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name."""
    held = io.BytesIO()
    np.savez(held, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, held.getvalue())
