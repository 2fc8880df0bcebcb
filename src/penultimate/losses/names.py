"""Losses by name, as the command line and `Problem` take them: ``ce``, ``la:1``, ``weighted:inverse``, ….

==============================  ==================================================================================
name                            loss
==============================  ==================================================================================
``mse``                         squared error; ``mse:inverse``, ``mse:power:0.5``, ``mse:effective:0.999`` weight it
``ce``                          cross-entropy
``weighted:inverse``            cross-entropy weighted by 1/n
``weighted:power:0.5``          … by n^(−0.5)
``weighted:effective:0.999``    … by effective number of samples
``la:1``                        logit adjustment with τ = 1 (balanced softmax)
``cdt:0.3``                     class-dependent temperatures with γ = 0.3
``vs:0.3:1``                    vector scaling with γ = 0.3, τ = 1
``ldam:0.5``                    margins ∝ n^(−1/4), the largest 0.5
``smooth:0.1``                  label smoothing
==============================  ==================================================================================

Numbers may be left out; those shown are the defaults.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.losses.cross_entropy import CrossEntropy
from penultimate.losses.squared_error import SquaredError

Loss = CrossEntropy | SquaredError
_Maker = Callable[..., Loss]


def _smoothed(counts: ClassCounts, *smoothing: float) -> CrossEntropy:
    return CrossEntropy.smoothed(*smoothing)


def _plain(counts: ClassCounts) -> CrossEntropy:
    return CrossEntropy()


def _squared(counts: ClassCounts) -> SquaredError:
    return SquaredError()


# For each first word: what makes the loss from counts and numbers, and how many numbers it takes at most.
_MAKERS: dict[str, tuple[_Maker, int]] = {
    "mse": (_squared, 0),
    "mse:inverse": (SquaredError.inverse, 0),
    "mse:power": (SquaredError.power, 1),
    "mse:effective": (SquaredError.effective, 1),
    "ce": (_plain, 0),
    "weighted:inverse": (CrossEntropy.inverse, 0),
    "weighted:power": (CrossEntropy.power, 1),
    "weighted:effective": (CrossEntropy.effective, 1),
    "la": (CrossEntropy.logit_adjusted, 1),
    "cdt": (CrossEntropy.cdt, 1),
    "vs": (CrossEntropy.vs, 2),
    "ldam": (CrossEntropy.ldam, 1),
    "smooth": (_smoothed, 1),
}
_ANY = ClassCounts([2, 1])


def check_name(name: str) -> None:
    """Check that a name is that of a loss, with numbers in their ranges.

    Raises
    ------
    ProblemError
        If it is not, with the names there are.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.losses.check_name("smooth:2")
    Traceback (most recent call last):
    ...
    penultimate.errors.ProblemError: label smoothing must be at least 0 and below 1, got 2.0
    """
    _make(name, _ANY)


def plainly(loss: object) -> str | Loss:
    """A loss as `penultimate.Problem` keeps it: names checked, and the two plain losses by theirs, however given.

    So squared error without weights is "mse" and cross-entropy without anything is "ce", in answers, files and words.

    Raises
    ------
    ProblemError
        For an unknown name, and for what is no loss.

    Examples
    --------
    >>> import penultimate as pen
    >>> plainly(pen.losses.SquaredError()), plainly(pen.losses.CrossEntropy()), plainly(" la:1 ")
    ('mse', 'ce', 'la:1')
    """
    if isinstance(loss, str):
        check_name(loss)
        return loss.strip()
    if not isinstance(loss, CrossEntropy | SquaredError):
        raise ProblemError(f"a loss is a name, such as 'ce', or one of penultimate.losses; got {loss!r}")
    if loss.vectors or (isinstance(loss, CrossEntropy) and loss.smoothing > 0.0):
        return loss
    return "ce" if isinstance(loss, CrossEntropy) else "mse"


def unseen_shift(loss: str | Loss, counts: ClassCounts) -> Float[np.ndarray, " K"] | None:
    """The change of all logits that a loss does not see, one number a class; None for squared error, which sees all.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        As for `resolve`.
    counts : ClassCounts
        The classes.

    Returns
    -------
    ndarray of shape (K,), or None

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.losses.names import unseen_shift
    >>> unseen_shift("cdt:0.5", pen.ClassCounts([100, 25, 4]))
    array([1., 2., 5.])
    """
    known = resolve(loss, counts)
    if isinstance(known, SquaredError):
        return None
    return 1.0 / known.vectors.get("scales", np.ones(counts.classes))


def resolve(loss: str | Loss, counts: ClassCounts) -> Loss:
    """The loss of a name for some class counts; a loss that is one already is checked against the counts.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        What `Problem.loss` holds.
    counts : ClassCounts
        The classes.

    Returns
    -------
    CrossEntropy or SquaredError

    Raises
    ------
    ProblemError
        For unknown names, and vectors that are not one number for each class.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([60, 30, 10])
    >>> str(pen.losses.resolve("la:1", counts)), str(pen.losses.resolve("cdt", counts))
    ('logit-adjusted cross-entropy, τ = 1', 'class-dependent temperature, γ = 0.3')
    """
    if isinstance(loss, str):
        return _make(loss, counts)
    for what, vector in loss.vectors.items():
        if vector.size != counts.classes:
            raise ProblemError(
                f"{vector.size} {what} of the loss for {counts.classes} classes: give one for each class"
            )
    return loss


def _make(name: str, counts: ClassCounts) -> Loss:
    words = name.strip().split(":")
    if words[0] == "focal":
        raise ProblemError(
            "the focal loss is not convex in the logits (it curves downwards where the class's probability is small), "
            "so no minimum of it can be certified: compare with 'ce', 'la:1' or 'weighted:inverse'"
        )
    if words[0] == "bce":
        raise ProblemError(
            f"the loss {name} has one sigmoid a label: give LabelScatter.from_counts of the class counts, or say 'ce'"
        )
    for size in (2, 1):
        maker, most = _MAKERS.get(":".join(words[:size]), (None, 0))
        if maker is not None:
            return maker(counts, *_numbers(name, words[size:], most))
    raise ProblemError(f"unknown loss {name!r}: this version knows {', '.join(_MAKERS)}, numbers after a colon")


def _numbers(name: str, words: list[str], most: int) -> list[float]:
    if len(words) > most:
        raise ProblemError(f"loss {name!r}: {len(words)} numbers, but {most} at most")
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ProblemError(f"loss {name!r}: {':'.join(words)!r} is no number") from None
