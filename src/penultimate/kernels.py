"""Loops that Numba compiles, and which of them are sooner done by NumPy.

Compiled loops release Python's lock, so that threads run them side by side and an interrupt is heard.

Loading Numba and compiled loops takes the better part of a second, and compiling them more than ten. A small problem is
solved sooner by NumPy, so loops that it meets have a twin in NumPy, and Numba is not even imported before a loop is
called. Which of the two runs is decided here and nowhere else, by the size of the problem alone: the same call gives
the same digits, whatever ran before it.
"""

# Numba ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

import numpy as np

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Up to so many classes, and below so many samples, NumPy takes less time more than the loops than they take to load:
# a tenth of a second for the roots of 1,000 distinct counts, and as long for 50,000 samples of width 512.
FEW_CLASSES, FEW_SAMPLES = 1000, 50_000
# Of loops whose sums may be taken in any order, and so be vectorised; NaN and infinity stay what they are.
SUM_FLAGS = {"reassoc", "contract", "nsz"}


def is_small(classes: int = 0, samples: int = 0) -> bool:
    """Whether NumPy takes a problem of this size.

    Parameters
    ----------
    classes, samples : int, default 0
        As for `Kernel.at`.
    """
    return classes <= FEW_CLASSES and samples < FEW_SAMPLES


class Kernel(Generic[Parameters, Result]):
    """A loop over numbers and arrays, compiled when it is first called.

    Parameters
    ----------
    function : callable
        What Numba understands.
    twin : callable, optional
        The same by NumPy, for small problems.
    options : dict
        Those of `numba.njit`.
    """

    def __init__(
        self,
        function: Callable[Parameters, Result],
        twin: Callable[Parameters, Result] | None,
        options: dict[str, Any],
    ) -> None:
        self.function = function
        # As the loops, which say nothing of divisions by zero either.
        self._twin = None if twin is None else np.errstate(all="ignore")(twin)
        self._options = options

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Run the compiled loop."""
        return self.compiled(*args, **kwargs)

    def at(self, *, classes: int = 0, samples: int = 0) -> Callable[Parameters, Result]:
        """What is sooner done for a problem of this size: the twin in NumPy, or the compiled loop.

        Parameters
        ----------
        classes, samples : int, default 0
            Of the whole problem, not of one call: K, or what stands for it, and N so far.
        """
        return self._twin if self._twin is not None and is_small(classes, samples) else self

    @cached_property
    def compiled(self) -> Any:
        """Numba's dispatcher."""
        from numba import njit

        from penultimate.kernel_cache import KernelCache

        dispatcher: Any = cast(Any, njit)(nogil=True, **self._options)(self.function)
        # Where neither the package, nor the user, nor NUMBA_CACHE_DIR has a folder to write to, there is no cache.
        with contextlib.suppress(RuntimeError, OSError):
            dispatcher._cache = KernelCache(self.function)
        return dispatcher

    @property
    def _numba_type_(self) -> Any:
        """What Numba asks where one loop calls another."""
        from numba.core.types import Dispatcher

        return cast(Any, Dispatcher)(self.compiled)


class Compiling(Protocol):
    """What makes a loop of a function."""

    def __call__(self, function: Callable[Parameters, Result], /) -> Kernel[Parameters, Result]:
        """The loop."""
        ...


def kernel(*, twin: Callable[..., Any] | None = None, **options: Any) -> Compiling:
    """Compile a function for numbers and arrays when it is first called.

    Parameters
    ----------
    twin : callable, optional
        The same by NumPy, which `Kernel.at` gives for small problems.
    **options
        Those of `numba.njit`.

    Returns
    -------
    callable
        Decorates the function.

    Examples
    --------
    >>> @kernel(error_model="numpy")
    ... def half(x):
    ...     return x / 2.0
    >>> half(3.0)
    1.5
    """

    def compiling(function: Callable[Parameters, Result], /) -> Kernel[Parameters, Result]:
        return Kernel(function, twin, options)

    return compiling


def cache_folder() -> str | None:
    """Where compiled functions are kept; None where no folder can be written to.

    Returns
    -------
    str or None
    """
    from penultimate.kernel_cache import KernelCache

    with contextlib.suppress(RuntimeError, OSError):
        return str(KernelCache(cache_folder).cache_path)
    return None
