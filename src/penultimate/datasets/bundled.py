"""Class counts of long-tailed data sets the field knows, and features of networks, bundled with their sources.

No image, text or annotation is here. ``SOURCES.md`` in ``data/counts`` and ``data/features`` of the package says where
each file comes from and under which licence.
"""

from dataclasses import dataclass
from importlib.resources import files

from penultimate.counts import ClassCounts
from penultimate.counts.bundled import BUNDLED, bundled_counts
from penultimate.errors import FeaturesError
from penultimate.features.sources import FeatureSource, open_features

_FEATURES: dict[str, str] = {
    "cnn-mse": "small CNN on Fashion-MNIST-LT, squared error: training samples",
    "cnn-mse-test": "the same network: test samples, balanced",
    "cnn-ce": "small CNN on Fashion-MNIST-LT, cross-entropy: training samples",
    "cnn-ce-test": "the same network: test samples, balanced",
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
    return list(BUNDLED)


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
    return bundled_counts(name)


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
    return [_info(name, *described) for name, described in BUNDLED.items()]


def _info(name: str, description: str, licence: str) -> CountsInfo:
    held = counts(name)
    return CountsInfo(name, description, held.classes, int(held.samples), held.ratio, licence)


def feature_names() -> list[str]:
    """List the bundled features.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.datasets.feature_names()
    ['cnn-mse', 'cnn-mse-test', 'cnn-ce', 'cnn-ce-test']
    """
    return list(_FEATURES)


def describe_features(name: str) -> str:
    """Say in a line what bundled features are of.

    Parameters
    ----------
    name : str
        One of `feature_names`.

    Returns
    -------
    str

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.datasets.describe_features("cnn-mse-test")
    'the same network: test samples, balanced'
    """
    return _FEATURES[_known_features(name)]


def features(name: str) -> FeatureSource:
    """Penultimate features, labels and head of a trained network.

    Parameters
    ----------
    name : str
        One of `feature_names`.

    Returns
    -------
    FeatureSource
        Streams batches; its `head` is the network's last layer.

    Raises
    ------
    FeaturesError
        When there are no features of that name; the message lists those there are.

    Examples
    --------
    >>> import penultimate as pen
    >>> source = pen.datasets.features("cnn-mse")
    >>> source.samples, source.dimension, source.head.classes
    (14886, 64, 10)
    """
    return open_features(str(files("penultimate") / "data" / "features" / f"{_known_features(name)}.npz"))


def _known_features(name: str) -> str:
    if name not in _FEATURES:
        raise FeaturesError(f"there are no bundled features {name!r}: choose one of {', '.join(_FEATURES)}")
    return name
