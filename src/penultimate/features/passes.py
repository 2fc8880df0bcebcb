"""Passes over features that can be interrupted, and go on from a checkpoint to the same result bit for bit."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from penultimate import __version__
from penultimate.errors import FeaturesError, FileError, PenultimateError
from penultimate.features.readers.archive import LARGEST
from penultimate.files import write_whole

if TYPE_CHECKING:
    from penultimate.features.readers import FeatureSource

_FORMAT = "penultimate checkpoint 1"
_SECONDS = 5.0


class Accumulator(Protocol):
    """What a pass fills: `Replicates` in the first one, `Deciding` in the second."""

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Everything it holds."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        ...

    def fresh(self, before: NDArray[np.int64] | None = None) -> Self:
        """An empty one of the same kind, for samples before which others see so many of each class."""
        ...

    def merge(self, other: Self) -> Self:
        """Add what another of the same kind has gathered."""
        ...


class Together:
    """Several accumulators that one pass fills.

    Parameters
    ----------
    parts : dict of str to Accumulator
        By names that tell their arrays apart.
    """

    def __init__(self, parts: Mapping[str, Accumulator]) -> None:
        self.parts = parts

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch to each."""
        for part in self.parts.values():
            part.update(features, labels, weights)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of all."""
        return {f"{name}/{key}": array for name, part in self.parts.items() for key, array in part.arrays().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        for name, part in self.parts.items():
            part.restore(
                {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
            )

    def fresh(self, before: NDArray[np.int64] | None = None) -> "Together":
        """Empty ones."""
        return Together({name: part.fresh(before) for name, part in self.parts.items()})

    def merge(self, other: "Together") -> "Together":
        """Add what others of the same kinds have gathered."""
        for name, part in self.parts.items():
            part.merge(other.parts[name])
        return self


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
        if self.path.exists():
            self._read()

    def resume(self, stage: str, accumulator: Accumulator) -> int:
        """Restore what a pass had gathered, and return how many rows it had read; 0 when it had not begun."""
        if stage not in self._rows:
            return 0
        accumulator.restore(self._arrays[stage])
        return self._rows[stage]

    def keep(self, stage: str, accumulator: Accumulator, rows: int, *, done: bool = False) -> None:
        """Note how far a pass has come; the file is written when it is time to, and when the pass is done."""
        if not done and time.monotonic() - self._written < self._seconds:
            return
        self._rows[stage] = rows
        self._arrays[stage] = {name: np.ascontiguousarray(array) for name, array in accumulator.arrays().items()}
        self._write()
        self._written = time.monotonic()

    def remove(self) -> None:
        """Delete the file: the run is over."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        from safetensors.numpy import save

        flat = {f"{stage}:{name}": array for stage, held in self._arrays.items() for name, array in held.items()}
        note = {"format": _FORMAT, "run": json.dumps(self._run), "rows": json.dumps(self._rows)}
        write_whole(self.path, save(flat, metadata=note))

    def _read(self) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with cast(Any, safe_open(self.path, framework="np")) as file:
                note: dict[str, str] = file.metadata() or {}
                flat: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}
        except (SafetensorError, OSError, ValueError) as error:
            raise FileError(f"checkpoint {self.path} is damaged ({error}): delete it to begin again") from None
        if note.get("format") != _FORMAT:
            raise FileError(f"{self.path} is no checkpoint: give another name, or delete it")
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


class OneProcess:
    """Passes over a source in this process.

    Parameters
    ----------
    source : FeatureSource
    """

    layout: ClassVar[Mapping[str, object]] = {}

    def __init__(self, source: "FeatureSource") -> None:
        self._source = source

    def classes(self, known: int | None) -> int:
        """K, as known or else as the largest label says."""
        if known is not None:
            return known
        top = max((int(labels.max(initial=0)) for labels in self._source.labels()), default=0)
        return inferred_classes(top, self._source.dimension)

    def run(
        self,
        accumulator: Accumulator,
        stage: str,
        checkpoint: Checkpoint | None = None,
        advance: Callable[[int], object] | None = None,
    ) -> None:
        """One pass; arguments and errors are those of the function `run`."""
        run(self._source, accumulator, stage, checkpoint, advance)


def inferred_classes(top: int, dimension: int) -> int:
    """K for the largest label; an error when it can be no index of a class."""
    if 8 * top * dimension > LARGEST:
        raise FeaturesError(
            f"labels: the largest is {top}, so that class means alone would take more than 4 GiB: "
            "number the classes from 0, or give their number by the head or the counts"
        )
    return top + 1


def run(
    source: "FeatureSource",
    accumulator: Accumulator,
    stage: str,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[int], object] | None = None,
) -> None:
    """Stream all batches of a source into an accumulator.

    Parameters
    ----------
    source : FeatureSource
        Read in blocks, always the same ones.
    accumulator : Accumulator
        Filled in place.
    stage : str
        Name of this pass in the checkpoint.
    checkpoint : Checkpoint, optional
        Where to go on, and where to note how far this has come.
    advance : callable, optional
        Called with the number of rows of every block, for a progress bar.

    Raises
    ------
    PenultimateError
        What reading and adding raise.
    """
    rows = 0 if checkpoint is None else checkpoint.resume(stage, accumulator)
    if advance is not None and rows:
        advance(rows)
    for batch in source.batches(rows):
        try:
            accumulator.update(batch.features, batch.labels, batch.weights)
        except PenultimateError as error:
            raise type(error)(f"{error} (in the block from sample {rows})") from None
        rows += len(batch.labels)
        if checkpoint is not None:
            checkpoint.keep(stage, accumulator, rows)
        if advance is not None:
            advance(len(batch.labels))
    if checkpoint is not None:
        checkpoint.keep(stage, accumulator, rows, done=True)
