"""What every result does with its report: a verdict as text, one page on disk."""

from typing import TYPE_CHECKING

from penultimate.files import write_whole

if TYPE_CHECKING:
    import os


class Reported:
    """A result that is put in words, and written as one page; made by inheriting."""

    @property
    def verdict(self) -> str:
        """The result in a few plain sentences."""
        raise NotImplementedError

    def _page(self) -> str:
        """Return the report as a whole HTML document."""
        raise NotImplementedError

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
