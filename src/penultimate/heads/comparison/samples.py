"""What held-out samples must be for heads to be chosen on them."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array

from penultimate.counts import ClassCounts
from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import as_it_stands, compared, places
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.naming import named_by_number, other_order
from penultimate.features.sources.in_memory import Samples, gather

if TYPE_CHECKING:
    from penultimate.features.sources import FeatureSource

# Scores are as large as sums of squares of features, and stay far above that of a class that is never the answer
# (`NEVER`, −1e30); their inverses stay within float32.
_REACH = 1e12


def held_out(source: "FeatureSource", present: Head, counts: ClassCounts, parts: int) -> Samples:
    """The samples of VALID, checked.

    Parameters
    ----------
    source : FeatureSource
    present : Head
    counts : ClassCounts
        Of the training.
    parts : int
        Into how many they will be dealt.

    Returns
    -------
    Samples

    Raises
    ------
    FeaturesError
        When width, names or labels do not fit those of the training, or there are too few samples to choose with.
    """
    if source.dimension != present.dimension:
        raise FeaturesError(f"VALID has features of width {source.dimension} and TRAIN of {present.dimension}")
    if source.names is not None:
        own = places(source.names, counts.names, "VALID", "TRAIN", all_of_them=False)
    else:
        found = named_by_number(source, counts.names, "VALID", "TRAIN")
        own = None if found is None else found[0]
    samples = gather(source, "VALID")
    if not len(samples.labels):
        raise FeaturesError("VALID has no samples: give some, or leave it out")
    if own is None and int(samples.labels.max()) >= present.classes:
        raise FeaturesError(
            f"VALID has label {int(samples.labels.max())}: TRAIN and its head have classes 0 … {present.classes - 1}; "
            "leave its samples out, or have some in TRAIN too"
        )
    if own is not None:
        samples = Samples(samples.features, _renumbered(samples.labels, own))
    number = np.bincount(samples.labels, minlength=present.classes)
    strange = np.flatnonzero((number > 0) & (counts.values == 0))
    if strange.size:
        raise FeaturesError(
            f"class {counts.names[int(strange[0])]!r} has {int(number[strange[0]])} samples in VALID and none in TRAIN "
            f"({strange.size} class{'' if strange.size == 1 else 'es'} in all): no head can be fitted to it; leave "
            "these samples out"
        )
    if np.count_nonzero(number) < 2 or len(samples.labels) < 2 * parts:
        seen = np.count_nonzero(number)
        raise FeaturesError(
            f"VALID has {len(samples.labels)} samples of {seen} class{'' if seen == 1 else 'es'}: choosing needs at "
            f"least {2 * parts} samples of two classes; without VALID the head is adjusted as theory says"
        )
    check_varied(samples, "VALID")
    return samples


def check_varied(samples: Samples, whose: str) -> None:
    """Refuse features that are the same in every sample, by which no head can tell anything, and too large or small.

    Raises
    ------
    FeaturesError
    """
    with np.errstate(invalid="ignore", over="ignore"):  # infinite less infinite
        reach = float(np.ptp(samples.features, axis=0).max())
    if reach == 0.0:
        raise FeaturesError(f"{whose} has the same features in every sample: there is nothing to tell classes by")
    if not 1.0 / _REACH < reach < _REACH:
        raise FeaturesError(
            f"{whose} has features that differ by {reach:.1g} at most: their squares do not fit into 32 bits; multiply "
            "all features by one number, so that they are of the size of 1"
        )


def _renumbered(labels: Int[np.ndarray, " M"], own: Int[np.ndarray, " n"]) -> Int[np.ndarray, " M"]:
    """Labels that count by VALID's own names, as labels that count by those of TRAIN."""
    if int(labels.max()) >= own.size:
        raise FeaturesError(f"VALID has label {int(labels.max())} and names {own.size} classes: name each of them")
    return own[labels]


def order_notes(source: "FeatureSource", samples: Samples, present: Head, counts: ClassCounts) -> tuple[str, ...]:
    """What was taken of the order of VALID's classes, and what speaks against it.

    Parameters
    ----------
    source : FeatureSource
        VALID.
    samples : Samples
        Of it, with labels in the order of TRAIN.
    present : Head
    counts : ClassCounts
        Of TRAIN.

    Returns
    -------
    tuple of str
    """
    notes: list[str] = []
    names = counts.names
    if source.names is None and not isinstance(names, NumberedNames):
        found = named_by_number(source, names, "VALID", "TRAIN")
        notes.append(as_it_stands("VALID", names, "TRAIN") if found is None else found[1])
    elif source.names is not None and not compared(source.names, names):
        notes.append(as_it_stands("TRAIN", source.names, "VALID"))
    elif source.names is not None and tuple(source.names) != tuple(names):
        notes.append("The classes of VALID were put in the order of TRAIN, by their names.")
    answers = present.predict(samples.features)
    shape = (present.classes, present.classes)
    table = coo_array((np.ones(answers.size, dtype=np.int64), (samples.labels, answers)), shape=shape)
    return (*notes, *other_order(table, names, "The labels of VALID"))


def repeat_notes(
    train: Float[np.ndarray, "N d"] | None, valid: Float[np.ndarray, "M d"], *, grouped: bool = False
) -> tuple[str, ...]:
    """Say it where samples of VALID are among those of TRAIN, if that is in memory, or are there more than once.

    Parameters
    ----------
    train : ndarray of shape (N, d) or None
        Features.
    valid : ndarray of shape (M, d)
    grouped : bool, default False
        Whether samples of VALID that belong together are known to.

    Returns
    -------
    tuple of str
    """
    # Rows of zeros are those of a network that died, or of texts without a word: they are not one sample.
    rows = [row.tobytes() for row in valid if row.any()]
    seen = set[bytes]() if train is None else {row.tobytes() for row in train}
    again, twice = sum(row in seen for row in rows), len(rows) - len(set(rows))
    notes: list[str] = []
    if again:
        notes.append(
            f"{again:,} of {len(valid):,} samples of VALID have exactly the features of one of TRAIN. If they "
            "are the same samples, the figures below are too good: leave them out of one of the two."
        )
    if twice and not grouped:
        notes.append(
            f"{twice:,} of {len(valid):,} samples of VALID have exactly the features of another of VALID. If "
            "they are the same samples, the figures below seem surer than they are: give each once."
        )
    return tuple(notes)
