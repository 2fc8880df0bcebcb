"""What a pass over features fills."""

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Accumulator(Protocol):
    """What a pass fills: `Replicates` in the first one, `Deciding` in the second."""

    @property
    def deals(self) -> bool:
        """Whether it deals out the samples of each class, and so has to know how many of each come before."""
        ...

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
        """An empty one of the same kind, for samples before which others see so many of each class.

        One number alone, of all classes, is enough where none are dealt out.
        """
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

    @property
    def deals(self) -> bool:
        """Whether one of them does."""
        return any(part.deals for part in self.parts.values())

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
