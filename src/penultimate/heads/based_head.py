"""What heads share that start from a trained one."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import values_of
from penultimate.errors import FeaturesError
from penultimate.features.arrays import refuse_masked
from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.ridge import RidgeHead


def classes_of(base: Head | None) -> int | None:
    """K of the base head, None without one."""
    if base is None:
        return None
    if not isinstance(base, Head):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise FeaturesError(f"base is {type(base).__name__}: give a penultimate.Head (estimators have .head())")
    return base.classes


def base_of(base: Head | None, statistics: FeatureStatistics) -> Head:
    """The base head, checked, or a `RidgeHead` of the same statistics where there is none."""
    if base is None:
        return RidgeHead().fit_statistics(statistics).head()
    base.check(statistics.classes, statistics.dimension)
    return base


def shares_of(counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """``n / N``."""
    return counts / counts.sum()


def log_shares(counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """``log(n / N)``, and 0 for classes without samples, which are switched off anyway."""
    return np.log(shares_of(counts), out=np.zeros(counts.size), where=counts > 0)


def training_counts(
    given: object, own: Float[np.ndarray, " K"], names: Sequence[str] | None
) -> Float[np.ndarray, " K"]:
    """The training counts that were given, checked and in the order of the names, or those of the samples at hand."""
    if given is None:
        return own
    refuse_masked(given, "counts")
    named = values_of(given, NumberedNames(own.size) if names is None else names, "counts")
    counts = np.asarray(named, dtype=np.float64)
    if counts.shape != own.shape or not np.all(np.isfinite(counts) & (counts >= 0)) or not counts.any():
        raise FeaturesError(f"counts must be {own.size} numbers, zero or above: those of the training samples")
    return counts
