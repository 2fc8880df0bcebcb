"""A file that remembers how far the passes of a run have come."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.sealed import seal, unseal
from penultimate.errors import FileError
from penultimate.features.passes.accumulator import Accumulator
from penultimate.files import write_whole
from penultimate.version import __version__

_FORMAT = "penultimate checkpoint 2"


_SECONDS = 5.0


class Checkpoint:
    """A file that remembers how far the passes of one run have come.

    Parameters
    ----------
    path : path-like
        Written every few seconds, whole or not at all.
    run : mapping
        What the run depends on (data, head, settings), as JSON can hold it: a file of another run is refused.
    seconds : float, default 5
        How long to wait between two writes; 0 writes after every block.

    Raises
    ------
    FileError
        When there is such a file and it is damaged, or of another run.
    """

    def __init__(self, path: "str | os.PathLike[str]", run: Mapping[str, object], *, seconds: float = _SECONDS) -> None:
        self.path = Path(path)
        self._run = json.loads(json.dumps({"penultimate": __version__, **run}))
        self._seconds = seconds
        self._written = time.monotonic()
        self._rows: dict[str, int] = {}
        self._arrays: dict[str, dict[str, NDArray[Any]]] = {}
        if os.path.lexists(self.path):
            self._read()

    def resume(self, stage: str, accumulator: Accumulator) -> int:
        """Restore what a pass had gathered, and return how many rows it had read; 0 when it had not begun."""
        if stage not in self._rows:
            return 0
        accumulator.restore(self._arrays[stage])
        return self._rows[stage]

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._written >= self._seconds

    def keep(self, stage: str, accumulator: Accumulator, rows: int, *, done: bool = False) -> None:
        """Note how far a pass has come; the file is written when it is time to, and when the pass is done."""
        if not done and not self.due:
            return
        self._rows[stage] = rows
        self._arrays[stage] = {name: np.ascontiguousarray(array) for name, array in accumulator.arrays().items()}
        self._write()
        self._written = time.monotonic()

    def remove(self) -> None:
        """Delete the file: the run is over."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        flat = {f"{stage}:{name}": array for stage, held in self._arrays.items() for name, array in held.items()}
        note = {"run": json.dumps(self._run), "rows": json.dumps(self._rows)}
        write_whole(self.path, seal(_FORMAT, flat, note))

    def _read(self) -> None:
        try:
            flat, note = unseal(self.path, _FORMAT)
        except FileError as error:
            raise FileError(f"checkpoint {error}; to begin again delete it") from None
        run = json.loads(note["run"])
        if run != self._run:
            other = [key for key in {**run, **self._run} if run.get(key) != self._run.get(key)]
            raise FileError(
                f"checkpoint {self.path} is of another run ({', '.join(sorted(other))} differ): "
                "delete it to begin again, or give another file"
            )
        self._rows = json.loads(note["rows"])
        for key, array in flat.items():
            stage, name = key.split(":", 1)
            self._arrays.setdefault(stage, {})[name] = array
