"""What every result does with its report: a verdict as text, one page on disk, charts by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from penultimate.errors import PenultimateError
from penultimate.files import write_whole

if TYPE_CHECKING:
    import os

Draw = TypeVar("Draw")


class Reported(ABC):
    """A result that is put in words, and written as one page; made by inheriting."""

    @property
    @abstractmethod
    def verdict(self) -> str:
        """The result in a few plain sentences."""

    @abstractmethod
    def _page(self) -> str:
        """Return the report as a whole HTML document."""

    def report(self, path: "str | os.PathLike[str]") -> None:
        """Write one self-contained HTML file that opens without a network.

        Parameters
        ----------
        path : path-like
            The file; one that exists is replaced.

        Raises
        ------
        FileError
            If the file cannot be written; nothing is left half-written, and a file that was there stays as it was.
        """
        write_whole(path, self._page())

    def __str__(self) -> str:
        return self.verdict


def chart_of(charts: Mapping[str, Draw], name: str, error: type[PenultimateError]) -> Draw:
    """One of a result's charts by name; an error that lists them when it has no such chart."""
    if name not in charts:
        raise error(f"there is no chart {name!r} of this: choose one of {', '.join(charts)}")
    return charts[name]
