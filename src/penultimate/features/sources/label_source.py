"""Features with several labels a sample as a stream: what files and running models offer."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penultimate.features.head import Head


@runtime_checkable
class LabelSource(Protocol):
    """Features and their targets, in order, as often as wanted."""

    @property
    def label_count(self) -> int:
        """How many labels there are, K."""
        ...

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        ...

    @property
    def names(self) -> Sequence[str] | None:
        """Of the labels, if known."""
        ...

    @property
    def head(self) -> Head | None:
        """The head that came with the features."""
        ...

    def batches(self) -> Iterator[tuple[NDArray[np.floating], Any]]:
        """Features (n, d), and the rows of their targets (n, K), dense or sparse."""
        ...
