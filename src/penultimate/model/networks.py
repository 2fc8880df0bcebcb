"""What trained networks tell of the feature decay, before one is trained oneself (docs/forecast).

``data/networks/networks.csv`` has a row for each of a zoo of small networks; ``SOURCES.md`` beside it says what the
columns mean and how it was made. A network tells something where weight decay had taken some of its directions and not
all: before that hardly anything depends on the feature decay, and after it nothing is left to measure.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import numpy as np

from penultimate.errors import FileError, ProblemError
from penultimate.reported import OneLine

# The middle four fifths of the networks: on data that took no part, quartiles hold the number of survivors too seldom
# (docs/does-it-hold, "Before training").
RANGE = (0.1, 0.5, 0.9)
# With fewer networks of a kind a range of them means nothing, so all kinds are taken.
_ENOUGH = 5
# All kinds together.
ANY = "any"

End = Literal[-1, 0, 1]


@dataclass(frozen=True, repr=False)
class Networks(OneLine):
    """Trained networks that are alike, and the feature decay that they had: N λ_H, for N samples.

    Made by `networks_like`.

    Attributes
    ----------
    kind : str
        Of which kind they are, or "any" for all kinds.
    number : int
        How many.
    sources : int
        On how many sets of data.
    decays : tuple of float
        N λ_H at the lower end of their middle four fifths, the median, and at its upper end.
    end : {-1, 0, 1}
        Which of these is taken.
    few_of : str or None
        The kind that was asked for, where too few of it tell anything.

    Examples
    --------
    >>> from penultimate.model.networks import networks_like
    >>> networks_like("perceptron").kind
    'perceptron'
    """

    kind: str
    number: int
    sources: int
    decays: tuple[float, float, float]
    end: End = 0
    few_of: str | None = None

    @property
    def decay(self) -> float:
        """N λ_H at the end that is taken."""
        return self.decays[self.end + 1]

    def at_end(self, end: End) -> "Networks":
        """The same at another end of the range."""
        return replace(self, end=end)

    @property
    def words(self) -> str:
        """How many of which kind."""
        return f"{self.number} trained networks" + ("" if self.kind == ANY else f" of the kind {self.kind}")

    def to_dict(self) -> dict[str, object]:
        """What a forecast's JSON says of them."""
        return {
            "kind": self.kind,
            "number": self.number,
            "sources": self.sources,
            "samples_times_feature_decay": list(self.decays),
        }


class TrainedNetwork(NamedTuple):
    """What a forecast asks of one: its kind, what its data were made of, and its N λ_H."""

    kind: str
    source: str
    decay: float


def networks_like(kind: str | None = None) -> Networks:
    """What the bundled networks of a kind tell, or all of them where there are too few of that kind.

    Parameters
    ----------
    kind : str, optional
        One of `kinds`; all of them by default.

    Returns
    -------
    Networks
        Of kind "any" where fewer than five of the kind tell anything.

    Raises
    ------
    ProblemError
        When there is no such kind; the message lists those there are.
    FileError
        When the bundled table is damaged.

    Examples
    --------
    >>> from penultimate.model.networks import networks_like
    >>> low, median, high = networks_like().decays
    >>> low < median < high
    True
    """
    if kind is not None and kind not in kinds():
        raise ProblemError(
            f"there are no networks of kind {kind!r} to compare with: choose one of {', '.join(kinds())}"
        )
    return summed_up(_bundled(), kind)


def kinds() -> tuple[str, ...]:
    """The kinds of networks that tell something of the feature decay."""
    return tuple(sorted({row.kind for row in _bundled()}))


def summed_up(networks: Sequence[TrainedNetwork], kind: str | None) -> Networks:
    """The range and the median of networks of a kind, or of all where there are fewer than five."""
    alike, few_of = [row for row in networks if row.kind == kind], None
    if len(alike) < _ENOUGH:
        few_of, kind, alike = kind, ANY, list(networks)
    low, middle, high = np.quantile([row.decay for row in alike], RANGE).tolist()
    sources = len({row.source for row in alike})
    return Networks(kind or ANY, len(alike), sources, (low, middle, high), few_of=few_of)


@cache
def _bundled() -> tuple[TrainedNetwork, ...]:
    with (files("penultimate") / "data" / "networks" / "networks.csv").open(encoding="utf-8") as lines:
        return tuple(read_networks(lines))


def read_networks(lines: Iterable[str]) -> list[TrainedNetwork]:
    """The networks of a table that had lost some of their directions and not all.

    Parameters
    ----------
    lines : iterable of str
        Of the CSV file.

    Returns
    -------
    list of TrainedNetwork

    Raises
    ------
    FileError
        When a column is missing, a figure is no number, or nothing is left.
    """
    out: list[TrainedNetwork] = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            alive, directions = int(row["survivors"]), int(row["directions"])
            decay = float(row["median"]) if 0 < alive < directions else 0.0
            kind, source = row["kind"], row["source"]
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"networks.csv, line {number}: damaged ({error}); install penultimate again") from None
        if decay > 0:
            out.append(TrainedNetwork(kind, source, decay))
    if not out:
        raise FileError("networks.csv: no network in it; install penultimate again")
    return out
