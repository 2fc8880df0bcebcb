"""What can go wrong, in the user's words: every message says what, where, and how to mend it."""


class PenultimateError(Exception):
    """Base of every error this package raises on purpose; the command line prints it in one line and exits 2.

    Examples
    --------
    >>> import penultimate as pen
    >>> try:
    ...     pen.ClassCounts([3, -1])
    ... except pen.PenultimateError as error:
    ...     print(type(error).__name__)
    CountsError
    """


class CountsError(PenultimateError, ValueError):
    """Class counts that no data set can have: negative, not finite, fewer than two classes, duplicated names.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.ClassCounts({"cat": 3})
    Traceback (most recent call last):
    ...
    penultimate.errors.CountsError: ...
    """


class ProblemError(PenultimateError, ValueError):
    """A model that cannot be: a decay that is not positive, no layers, no width, an unknown loss.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.Problem.from_decays(weight_decay=0.0)
    Traceback (most recent call last):
    ...
    penultimate.errors.ProblemError: the weight decay of layer 1 must be positive and finite, got 0.0
    """


class FeaturesError(PenultimateError, ValueError):
    """Features, labels or a head that no audit can use: NaN, labels out of range, shapes that do not fit.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.FeatureStatistics(classes=2, dimension=1).update(np.array([[np.nan]]), np.array([0]))
    Traceback (most recent call last):
    ...
    penultimate.errors.FeaturesError: ...
    """


class FileError(PenultimateError, OSError):
    """A file that is missing, cannot be read or written, or holds something else than was asked for.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.ClassCounts.read("missing.csv")
    Traceback (most recent call last):
    ...
    penultimate.errors.FileError: ...
    """


class ClusterError(PenultimateError, RuntimeError):
    """A Dask cluster that does not answer, has no workers, or keeps losing them over the same data.

    Examples
    --------
    >>> import penultimate as pen
    >>> issubclass(pen.ClusterError, RuntimeError)
    True
    """


class MissingDependencyError(PenultimateError, ImportError):
    """An optional library is needed for this and is not installed.

    Examples
    --------
    >>> import penultimate as pen
    >>> issubclass(pen.MissingDependencyError, ImportError)
    True
    """
