"""Passes over features that can be interrupted, and go on from a checkpoint to the same result bit for bit."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from penultimate.archives.archive import LARGEST
from penultimate.errors import FeaturesError, PenultimateError
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.checkpoint import Checkpoint

if TYPE_CHECKING:
    from penultimate.features.sources import FeatureSource

# So many classes cost nothing, whether they have samples or not.
_FEW = 1000


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
        blocks = [(int(labels.max(initial=0)), len(labels)) for labels in self._source.labels()]
        return inferred_classes(blocks, self._source.dimension)

    def run(
        self,
        accumulator: Accumulator,
        stage: str,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """One pass; arguments and errors are those of the function `run`."""
        run(self._source, accumulator, stage, checkpoint, progress)


def inferred_classes(blocks: Iterable[tuple[int, int]], dimension: int) -> int:
    """K by the largest label, from that of every block and its number of labels.

    Raises
    ------
    FeaturesError
        When it can be no index of a class: one damaged label would make the work of a million classes.
    """
    largest, numbers = zip(*blocks, strict=True)
    top, samples = max(largest), sum(numbers)
    if top >= max(samples, _FEW):
        raise FeaturesError(
            f"labels: the largest is {top}, and there are {samples} samples in all: number the classes from 0, or, if "
            "most classes have none here, give their number by the head or the counts"
        )
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
    progress: Callable[[int], object] | None = None,
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
    progress : callable, optional
        Called with the number of rows of every block, for a progress bar.

    Raises
    ------
    PenultimateError
        What reading and adding raise.
    """
    rows = 0 if checkpoint is None else checkpoint.resume(stage, accumulator)
    if progress is not None and rows:
        progress(rows)
    for batch in source.batches(rows):
        try:
            accumulator.update(batch.features, batch.labels, batch.weights)
        except PenultimateError as error:
            raise type(error)(f"{error} (in the block from sample {rows})") from None
        rows += len(batch.labels)
        if checkpoint is not None:
            checkpoint.keep(stage, accumulator, rows)
        if progress is not None:
            progress(len(batch.labels))
    if checkpoint is not None:
        checkpoint.keep(stage, accumulator, rows, done=True)
