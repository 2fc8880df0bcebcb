"""What a file of targets holds, to be added up: label sets, or rows of a matrix."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from penultimate.targets.matrices import Rows


class Found(NamedTuple):
    """Label sets or rows, read as they are asked for.

    Attributes
    ----------
    sets : iterable of (list of str, float), or None
        Label sets in the order of the samples, each with how many it stands for.
    blocks : iterable of Rows
        Rows of a matrix, where there are no sets.
    names : sequence of str, or None
        All labels, where the file names them.
    origin : str
        How it was read.
    """

    sets: Iterable[tuple[Sequence[str], float]] | None
    blocks: Iterable[Rows]
    names: Sequence[str] | None
    origin: str
