"""Class counts of long-tailed data sets the field knows, bundled with their sources.

Counts only: no image, text or annotation is here. ``data/counts/SOURCES.md`` in the package says where each comes from
and under which licence.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files

from penultimate.counts import ClassCounts
from penultimate.counts.tables import read_table
from penultimate.errors import CountsError

_GENERATED = "generated (MIT)"

_DESCRIBED: dict[str, tuple[str, str]] = {
    "lvis": ("LVIS v1 train: images in which each category occurs", "CC BY 4.0"),
    "places-lt": ("Places-LT train: images of each scene", "BSD-3-Clause"),
    "cifar10-lt": ("CIFAR-10-LT: exponential profile, ratio 100", _GENERATED),
    "cifar100-lt": ("CIFAR-100-LT: exponential profile, ratio 100", _GENERATED),
    "fashion-mnist-lt": ("Fashion-MNIST-LT: exponential profile, ratio 100", _GENERATED),
    "wordnet": ("WordNet 3.0: synsets of each lexicographer file", "WordNet 3.0"),
}


@dataclass(frozen=True)
class CountsInfo:
    """What is known of one bundled data set.

    Attributes
    ----------
    name : str
        Name to ask for it by.
    description : str
        What is counted.
    classes : int
        Number of classes, K.
    samples : int
        Sum of the counts, N.
    ratio : float
        Largest count over smallest.
    licence : str
        Licence of the counts.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.datasets.table()[2].classes
    10
    """

    name: str
    description: str
    classes: int
    samples: int
    ratio: float
    licence: str


def names() -> list[str]:
    """List the bundled data sets.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.datasets.names()
    ['lvis', 'places-lt', 'cifar10-lt', 'cifar100-lt', 'fashion-mnist-lt', 'wordnet']
    """
    return list(_DESCRIBED)


def counts(name: str) -> ClassCounts:
    """Return the counts of a bundled data set.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    ClassCounts

    Raises
    ------
    CountsError
        When there is no data set of that name; the message lists those there are.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.datasets.counts("lvis")
    ClassCounts(1203 classes, 360952 samples, largest 1977, smallest 1, ratio 1977:1, 429 distinct, 0 unseen)
    """
    if name not in _DESCRIBED:
        raise CountsError(f"there is no bundled data set {name!r}: choose one of {', '.join(_DESCRIBED)}")
    with as_file(files("penultimate") / "data" / "counts" / f"{name}.csv") as path:
        return read_table(path, None, "counts")


def table() -> list[CountsInfo]:
    """Describe every bundled data set.

    Returns
    -------
    list of CountsInfo
        In the order of `names`.

    Examples
    --------
    >>> import penultimate as pen
    >>> for info in pen.datasets.table()[:2]:
    ...     print(info.name, info.samples, info.ratio)
    lvis 360952 1977.0
    places-lt 62500 996.0
    """
    return [_info(name, *described) for name, described in _DESCRIBED.items()]


def _info(name: str, description: str, licence: str) -> CountsInfo:
    held = counts(name)
    return CountsInfo(name, description, held.classes, int(held.samples), held.ratio, licence)
