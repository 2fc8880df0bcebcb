"""Class counts of long-tailed data sets the field knows, bundled with their sources.

No image, text or annotation is here: ``SOURCES.md`` beside the files says where each comes from, and its licence.
"""

from importlib.resources import files

from penultimate.counts.class_counts import ClassCounts
from penultimate.counts.counted import Wish
from penultimate.counts.tables import read_table
from penultimate.errors import CountsError

_GENERATED = "generated (MIT)"

# Name: what is counted, and the licence of the counts.
BUNDLED: dict[str, tuple[str, str]] = {
    "lvis": ("LVIS v1 train: images in which each category occurs", "CC BY 4.0"),
    "places-lt": ("Places-LT train: images of each scene", "BSD-3-Clause"),
    "cifar10-lt": ("CIFAR-10-LT: exponential profile, ratio 100", _GENERATED),
    "cifar100-lt": ("CIFAR-100-LT: exponential profile, ratio 100", _GENERATED),
    "fashion-mnist-lt": ("Fashion-MNIST-LT: exponential profile, ratio 100", _GENERATED),
    "wordnet": ("WordNet 3.0: synsets of each lexicographer file", "WordNet 3.0"),
}


def bundled_counts(name: str) -> ClassCounts:
    """Return the counts of a bundled data set.

    Parameters
    ----------
    name : str
        One of `BUNDLED`.

    Returns
    -------
    ClassCounts

    Raises
    ------
    CountsError
        When there is no data set of that name; the message lists those there are.

    Examples
    --------
    >>> from penultimate.counts.bundled import bundled_counts
    >>> bundled_counts("lvis").classes
    1203
    """
    if name not in BUNDLED:
        raise CountsError(f"there is no bundled data set {name!r}: choose one of {', '.join(BUNDLED)}")
    with (files("penultimate") / "data" / "counts" / f"{name}.csv").open(encoding="utf-8") as lines:
        values, names, _ = read_table(lines, Wish(holds="counts"))
    return ClassCounts(values, names, f"bundled counts {name!r}")
