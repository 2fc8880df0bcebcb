"""What a law needs to know of the classes: means and covariances of their features, and what the head shall answer."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features, as_labels, classes_of, finite_rows

# Covariances of their own for at most so many classes: 200 MiB at d = 512. Beyond, classes share them.
OWN_COVARIANCES = 100


class Population:
    """Means and covariances of the classes, and the targets that a head is fitted to.

    Parameters
    ----------
    means : ndarray of shape (K, d)
        Of the features of each class. K = 1 is allowed: a regression.
    covariances : ndarray of shape (G, d, d)
        Of the features about the mean of their class; G = K unless classes share them.
    targets : ndarray of shape (K, c), optional
        What the head shall answer, in the mean of each class; one-hot by default, with c = K.
    groups : ndarray of shape (K,), optional
        Which covariance each class has; by default each its own.
    cross : ndarray of shape (G, c, d), optional
        ``E[(y − E y)(h − E h)ᵀ]``, where targets vary within a class, as in a regression; by default they do not.
    target_covariances : ndarray of shape (G, c, c), optional
        ``E[(y − E y)(y − E y)ᵀ]``; zero by default.

    Raises
    ------
    FeaturesError
        When shapes do not fit, or something is not finite.

    Notes
    -----
    Second moments are all that counts: features and targets of mean zero with ``covariances`` their second moments are
    the same population as any other split into mean and covariance.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> population = pen.equivalents.Population(np.eye(2, 3), np.stack([np.eye(3), 2 * np.eye(3)]))
    >>> population.classes, population.dimension, population.targets.shape
    (2, 3, (2, 2))
    """

    def __init__(
        self,
        means: object,
        covariances: object,
        targets: object = None,
        groups: object = None,
        *,
        cross: object = None,
        target_covariances: object = None,
    ) -> None:
        self.means: Float[np.ndarray, "K d"] = _finite(means, "means", 2)
        self.covariances: Float[np.ndarray, "G d d"] = _finite(covariances, "covariances", 3)
        size, width = self.means.shape
        number = len(self.covariances)
        self.targets: Float[np.ndarray, "K c"] = np.eye(size) if targets is None else _finite(targets, "targets", 2)
        if self.covariances.shape[1:] != (width, width) or len(self.targets) != size:
            raise FeaturesError(
                f"means {self.means.shape}, covariances {self.covariances.shape} and targets {self.targets.shape} do "
                "not fit: give (K, d), (K, d, d) and (K, c)"
            )
        answers = self.targets.shape[1]
        self.groups: Int[np.ndarray, " K"] = _which(groups, size, number)
        self.cross = None if cross is None else _shaped(cross, "cross", (number, answers, width))
        given = target_covariances
        self.target_covariances = (
            None if given is None else _shaped(given, "target_covariances", (number, answers, answers))
        )

    @property
    def classes(self) -> int:
        """K."""
        return len(self.means)

    @property
    def dimension(self) -> int:
        """D."""
        return self.means.shape[1]

    @classmethod
    def from_features(cls, features: object, labels: object, classes: int | None = None) -> "Population":
        """Estimate means and covariances from samples.

        Parameters
        ----------
        features : array-like of shape (N, d)
        labels : array-like of shape (N,)
            Whole numbers from 0.
        classes : int, optional
            K; by default the largest label and one.

        Returns
        -------
        Population

        Raises
        ------
        FeaturesError
            When a class has fewer than two samples, or as `FeatureStatistics`.

        Notes
        -----
        Up to 100 classes have covariances of their own, which take 8 K d² bytes. Beyond, classes are put in order by
        how much they scatter in total, and neighbours share one of 100 covariances: noise follows the size of the
        scatter first and its shape second.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> features = np.array([[0.0, 1.0], [2.0, 1.0], [5.0, 0.0], [5.0, 4.0]])
        >>> pen.equivalents.Population.from_features(features, [0, 0, 1, 1]).covariances[1]
        array([[0., 0.],
               [0., 8.]])
        """
        rows = as_features(features)
        size = classes_of(labels) if classes is None else classes
        own = as_labels(labels, len(rows), size)
        if finite_rows(rows) is not None:
            raise FeaturesError("features hold NaN or infinity: leave those samples out")
        counts = np.bincount(own, minlength=size)
        if counts.min() < 2:
            raise FeaturesError(
                f"class {int(counts.argmin())} has {counts.min()} samples: a covariance needs two of each class or more"
            )
        places = [np.flatnonzero(own == k) for k in range(size)]
        return cls.from_classes([rows[place].astype(np.float64) for place in places])

    @classmethod
    def from_classes(cls, samples: Sequence[Float[np.ndarray, "_n d"]]) -> "Population":
        """The same from one array a class, each of at least two rows; see `from_features`.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> pen.equivalents.Population.from_classes([np.eye(3), 2 * np.eye(3)]).means[1].round(3)
        array([0.667, 0.667, 0.667])
        """
        means = np.stack([rows.mean(axis=0) for rows in samples])
        free = np.array([len(rows) - 1 for rows in samples], dtype=np.float64)
        groups = _groups([float(np.var(rows, axis=0, ddof=1).sum()) for rows in samples])
        width = means.shape[1]
        scatters = np.zeros((int(groups.max()) + 1, width, width))
        for rows, mean, group in zip(samples, means, groups.tolist(), strict=True):
            scatters[group] += (rows - mean).T @ (rows - mean)
        scatters /= np.bincount(groups, weights=free)[:, None, None]
        return cls(means, scatters, groups=groups)

    @cached_property
    def extended(self) -> "Population":
        """The same with a feature more, which is always one: what a bias is multiplied with."""
        size, width = self.means.shape
        wide = np.zeros((len(self.covariances), width + 1, width + 1))
        wide[:, :width, :width] = self.covariances
        cross = None if self.cross is None else np.pad(self.cross, ((0, 0), (0, 0), (0, 1)))
        means = np.hstack([self.means, np.ones((size, 1))])
        return Population(
            means, wide, self.targets, self.groups, cross=cross, target_covariances=self.target_covariances
        )


def _groups(variances: list[float]) -> NDArray[np.int64]:
    """Each class for itself; beyond the limit, neighbours in total variance together."""
    size = len(variances)
    if size <= OWN_COVARIANCES:
        return np.arange(size)
    rank = np.empty(size, dtype=np.int64)
    rank[np.argsort(variances, kind="stable")] = np.arange(size)
    return rank * OWN_COVARIANCES // size


def _which(groups: object, classes: int, covariances: int) -> NDArray[np.int64]:
    if groups is None and covariances == classes:
        return np.arange(classes)
    which = np.asarray(groups)
    if which.shape != (classes,) or which.dtype.kind not in "iu" or which.min() < 0 or which.max() >= covariances:
        raise FeaturesError(
            f"{covariances} covariances for {classes} classes: give one a class, or say in groups which class has which"
        )
    return which.astype(np.int64)


def _shaped(values: object, what: str, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    array = _finite(values, what, 3)
    if array.shape != shape:
        raise FeaturesError(f"{what} has shape {array.shape}: give {shape}")
    return array


def _finite(values: object, what: str, axes: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != axes or not array.size or not np.isfinite(array).all():
        raise FeaturesError(f"{what} of shape {array.shape}: give finite numbers with {axes} axes")
    return array
