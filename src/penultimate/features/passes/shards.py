"""What the tasks of a cluster read: shards of a source, several to a task where statistics are large."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from penultimate.features.sources.dask_arrays import DaskArrays
from penultimate.features.sources.parts import Joined
from penultimate.features.sources.source import FeatureSource

# Statistics of more numbers, 16 MiB, take longer to be merged than a task takes in itself. Then a task reads as many
# numbers as its statistic has, or more.
_SMALL = 1 << 21


class Shard(NamedTuple):
    """What one task reads.

    Attributes
    ----------
    name : str
        For messages.
    samples : int
    source : FeatureSource or None
    arrays : tuple of dask.delayed.Delayed
        Without a source: features and labels, which are computed where the task runs.
    """

    name: str
    samples: int
    source: FeatureSource | None
    arrays: tuple[Any, ...] = ()


def shards_of(source: FeatureSource) -> list[Shard]:
    """The shards of a source, in order; blocks of Dask arrays are not computed."""
    if isinstance(source, DaskArrays):
        return [Shard(block.name, block.samples, None, block.arrays) for block in source.blocks()]
    return [Shard(str(shard), shard.samples, shard) for shard in source.shards()]


def large(numbers: int) -> bool:
    """Whether a statistic of so many numbers takes longer to be merged than a task takes in itself."""
    return numbers > _SMALL


def gathered(shards: Sequence[Shard], numbers: int) -> list[Shard]:
    """Neighbours together until they hold as many numbers as a statistic, where that is large."""
    if not large(numbers):
        return list(shards)
    found: list[Shard] = []
    held: list[FeatureSource] = []
    for place, shard in enumerate(shards):
        if shard.source is None:  # blocks of arrays would all have to be in memory
            found.append(shard)
            continue
        held.append(shard.source)
        if place == len(shards) - 1 or sum(part.samples * part.dimension for part in held) >= numbers:
            whole = Joined(held) if len(held) > 1 else shard.source
            found.append(Shard(str(whole), whole.samples, whole))
            held = []
    return found
