"""What trained networks tell of the feature decay, before one is trained oneself (docs/forecast).

``data/networks.csv`` has a row for each of a zoo of small networks; ``NETWORKS.md`` beside it says what the columns mean
and how it was made.
"""

import csv
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from penultimate.errors import FileError, ProblemError
from penultimate.reported import OneLine

# Fewer networks than this have no quantiles worth the name: then those of every kind are taken, and it is said.
_ENOUGH = 5

End = Literal[-1, 0, 1]


@dataclass(frozen=True, repr=False)
class Networks(OneLine):
    """Trained networks that are alike, and the feature decay that they had in all: N λ_H, for N samples.

    Made by `networks_like`.

    Attributes
    ----------
    kind : str
        Of which kind they are, or "network" for all kinds.
    number : int
        How many.
    decays : tuple of float
        N λ_H at the lower end of their range, the median, and at its upper end.
    end : {-1, 0, 1}
        Which of these is taken.

    Examples
    --------
    >>> from penultimate.model.networks import networks_like
    >>> networks_like("cnn", cross_entropy=False).kind
    'cnn'
    """

    kind: str
    number: int
    decays: tuple[float, float, float]
    end: End = 0

    @property
    def decay(self) -> float:
        """N λ_H at the end that is taken."""
        return self.decays[self.end + 1]

    def at_end(self, end: End) -> "Networks":
        """The same at another end of the range."""
        return replace(self, end=end)

    def to_dict(self) -> dict[str, object]:
        """What a forecast's JSON says of them."""
        return {"kind": self.kind, "number": self.number, "samples_times_feature_decay": list(self.decays)}


def networks_like(kind: str | None = None, *, cross_entropy: bool) -> Networks:
    """What the bundled networks of a kind tell that were trained with a like loss.

    Parameters
    ----------
    kind : str, optional
        One of `kinds`; all of them by default.
    cross_entropy : bool
        Whether the loss is of the softmax family; otherwise squared error.

    Returns
    -------
    Networks

    Raises
    ------
    ProblemError
        When there is no such kind; the message lists those there are.
    FileError
        When the bundled table is damaged.

    Examples
    --------
    >>> from penultimate.model.networks import networks_like
    >>> low, median, high = networks_like(cross_entropy=False).decays
    >>> low < median < high
    True
    """
    if kind is not None and kind not in kinds():
        raise ProblemError(f"there are no networks of kind {kind!r} to compare with: choose one of {', '.join(kinds())}")
    loss = "ce" if cross_entropy else "mse"
    held = [row.decay for row in _rows() if row.loss == loss and kind in (None, row.kind)]
    return summed_up(kind or "network", held)


def summed_up(kind: str, decays: list[float]) -> Networks:
    """The range of some N λ_H and their median."""
    low, middle, high = np.quantile(decays, RANGE).tolist()
    return Networks(kind, len(decays), (low, middle, high))


def kinds() -> tuple[str, ...]:
    """The kinds of networks that the bundled table has."""
    return tuple(dict.fromkeys(row.kind for row in _rows()))


class _Row(NamedTuple):
    """Of the table, what a forecast asks for."""

    kind: str
    loss: str
    decay: float


@cache
def _rows() -> tuple[_Row, ...]:
    with (files("penultimate") / "data" / "networks.csv").open(encoding="utf-8") as lines:
        return tuple(read_networks(lines))


def read_networks(lines: Iterable[str]) -> list[_Row]:
    """Rows of a table of networks whose optimiser adds the decay to the loss and whose feature decay was measured.

    Parameters
    ----------
    lines : iterable of str
        Of the CSV file.

    Returns
    -------
    list of tuple
        Kind, loss and N λ_H of each.

    Raises
    ------
    FileError
        When a column is missing, a figure is no positive number, or nothing is left.
    """
    out: list[_Row] = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            decay = float(row["feature_decay_of_all"] or "nan")
            kind, loss, decoupled = row["kind"], row["loss"], row["optimiser"] == "adamw"
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"networks.csv, line {number}: damaged ({error}); install penultimate again") from None
        if not decoupled and decay > 0:
            out.append(_Row(kind, loss, decay))
    if not out:
        raise FileError("networks.csv: no network in it; install penultimate again")
    return out
