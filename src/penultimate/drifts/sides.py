"""Two sides that can be compared: one network, its classes, one width; each a source, or statistics kept of one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from penultimate.archives.sealed import is_sealed
from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import as_it_stands, places
from penultimate.datasets.by_name import head_given, is_source, source_of
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.naming import head_in_order, named_by_number
from penultimate.features.passes.one_process import OneProcess
from penultimate.features.sources import FeatureSource
from penultimate.features.sources.parts import Relabelled
from penultimate.features.statistics import FORMAT, FeatureStatistics

# Cosine of two heads below which they are taken for two trainings, whose features are turned against each other. That
# of two trainings is near 0, and of near checkpoints near 1; the bound between is a choice.
_SAME_BASIS = 0.9
# Largest difference of two heads, over the largest entry, that rounding explains: bfloat16 keeps eight bits.
_ROUNDING = 2.0**-7


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes
    ----------
    given : FeatureSource or FeatureStatistics
    names : sequence of str or None
        Of its classes.
    head : Head or None
        That answers its samples.
    """

    given: FeatureSource | FeatureStatistics
    names: Sequence[str] | None
    head: Head | None

    @property
    def source(self) -> FeatureSource | None:
        """Where its samples are; None for statistics."""
        return None if isinstance(self.given, FeatureStatistics) else self.given

    @property
    def fixed(self) -> bool:
        """Whether names, a head or statistics say how many classes there are, and not the largest label."""
        return self.source is None or self.names is not None or self.head is not None

    @property
    def classes(self) -> int:
        """K, as far as this side knows."""
        if isinstance(self.given, FeatureStatistics):
            return self.given.classes
        known = None if self.head is None else self.head.classes
        return OneProcess(self.given).classes(len(self.names) if self.names is not None else known)


def two_sides(reference: object, current: object, head: object = None) -> tuple[Side, Side, tuple[str, ...]]:
    """Open both sides and put their classes in one order.

    Parameters
    ----------
    reference, current : FeatureSource, FeatureStatistics, path or bundled name
    head : Head, path or name, optional
        By default the one that came with the features.

    Returns
    -------
    Side, Side
        The second with its labels in the order of the first.
    tuple of str
        What was put in order or taken as it stands.

    Raises
    ------
    FeaturesError
        When a side is neither, or they differ in width, classes or network.
    FileError
        When a file cannot be read.
    """
    one, other = _opened(reference, "the reference"), _opened(current, "the current side")
    if one.given.dimension != other.given.dimension:
        raise FeaturesError(
            f"the reference has features of width {one.given.dimension} and the current side {other.given.dimension}: "
            "give two sets of features of one network and layer"
        )
    notes: list[str] = []
    if one.names is not None and other.names is not None:
        order = places(other.names, one.names, "the current side", "the reference")
        if not np.array_equal(order, np.arange(order.size)):
            other = _in_order(other, order, one.names)
            notes.append("The classes of the current side were put in the order of the reference, by their names.")
    elif one.names is not None:
        other, said = _unnamed(other, one.names, "the current side", "the reference")
        notes += said
    elif other.names is not None:
        one, said = _unnamed(one, other.names, "the reference", "the current side")
        notes += said
    if head is not None:
        given = head_given(head, dimension=one.given.dimension)
        given.check(given.classes, one.given.dimension)
        names = one.names if one.names is not None else other.names
        if names is not None and given.names is not None:
            given = head_in_order(given, np.argsort(places(given.names, names, "the head", "the features")))
        one, other = replace(one, head=given), replace(other, head=given)
    elif one.head is not None and other.head is not None:
        notes += _one_network(one.head, other.head)
    else:
        kept = one.head or other.head
        one, other = replace(one, head=kept), replace(other, head=kept)
    return one, other, tuple(notes)


def _opened(given: object, which: str) -> Side:
    if isinstance(given, str | os.PathLike):
        path = os.fspath(cast("str | os.PathLike[str]", given))
        given = FeatureStatistics.read(path) if is_sealed(path, FORMAT) else source_of(path)
    if isinstance(given, FeatureStatistics):
        return Side(given, None, None)
    if not is_source(given):
        raise FeaturesError(
            f"{which} is {type(given).__name__}: give a file, a bundled name, pen.ArraySource(features, labels) or "
            "FeatureStatistics. Labels are needed on both sides, for predicted ones hide the very samples that moved: "
            "sixty labelled samples of a class do"
        )
    source = cast(FeatureSource, given)
    return Side(source, source.names, source.head)


def _unnamed(side: Side, names: Sequence[str], whose: str, others: str) -> tuple[Side, list[str]]:
    """A side whose labels are numbers beside one that names its classes, and how it was read."""
    if side.source is not None and (found := named_by_number(side.source, names, whose, others)) is not None:
        order, note = found
        return _in_order(side, order, names), [note]
    if list(names) == list(NumberedNames(len(names))):
        return side, []
    return side, [as_it_stands(whose.capitalize(), names, others)]


def _in_order(side: Side, order: np.ndarray, names: Sequence[str]) -> Side:
    head = side.head
    if head is not None and head.names is not None:
        head = head_in_order(head, np.argsort(order))
    given = side.given
    return Side(given if isinstance(given, FeatureStatistics) else Relabelled(given, order), names, head)


def _one_network(one: Head, other: Head) -> list[str]:
    """Nothing for one head, a note for two checkpoints of a network; an error for two networks."""
    if one.classes != other.classes:
        raise FeaturesError(
            f"the head of the reference has {one.classes} classes and that of the current side {other.classes}: give "
            "features of one network"
        )
    rows, others = (head.product - head.product.mean(axis=0) for head in (one, other))
    if np.abs(one.product - other.product).max() <= _ROUNDING * np.abs(one.product).max():
        return []
    cosine = float(np.sum(rows * others) / max(np.linalg.norm(rows) * np.linalg.norm(others), np.finfo(float).tiny))
    if cosine < _SAME_BASIS:
        raise FeaturesError(
            f"the two heads have a cosine of {cosine:.2f}: these are two networks, whose features are turned against "
            "each other, so that no distance between them means anything. Give features of one network, or of two "
            f"checkpoints of one training (cosine above {_SAME_BASIS})"
        )
    return [
        f"These are two checkpoints of one training (their heads have a cosine of {cosine:.2f}): what moved is the "
        "network, the data, or both."
    ]
