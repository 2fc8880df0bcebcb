"""How often each class occurs in samples without labels, from the probabilities that a model gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float, Int
from scipy.special import chdtrc

from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import as_it_stands, compared, places
from penultimate.errors import FeaturesError, ProblemError
from penultimate.model.arguments import checked_seed
from penultimate.probabilities.calibrating import calibrated, fit_calibration
from penultimate.probabilities.given import Given, Probabilities, class_indices, class_labels, probabilities_of
from penultimate.probabilities.mixing import corrected_mix, most_likely_mix
from penultimate.probabilities.shares import Mix, shares_of
from penultimate.reported import Reported

# Draws behind an interval, and what it covers.
DRAWS = 200
LEVEL = 0.9
# How near a draw has to come to its own answer: far below the spread of the draws.
_TOL = 1e-4
# Numbers that the draws of one turn may hold at once.
_AT_ONCE = 2e7
# Fewer known samples of a class say too little of what its probabilities mean.
FEW = 10
# How sure the test must be before the mix is said to have changed.
SIZE = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class ClassShares(Reported, presenter="class_shares"):
    """Shares of classes in samples without labels, with their intervals; made by `class_shares`.

    Attributes
    ----------
    names : sequence of str
        Of the K classes.
    samples : int
        N, without labels.
    shares : ndarray of shape (K,)
        The estimate; sums to 1.
    intervals : ndarray of shape (K, 2)
        90 % intervals, from 200 draws of the samples, the known ones too.
    counted : ndarray of shape (K,)
        What counting the largest probability of each sample gives instead, which favours the classes of training.
    trained : ndarray of shape (K,)
        The shares that the probabilities were trained on, or those of the known samples.
    p_value : float
        Of the test that the mix is still that: whether the mean probabilities differ by more than chance.
    known : ndarray of int of shape (K,), optional
        Known samples of each class; None where there were none, and the probabilities were taken as they are.
    notes : tuple of str
        What was taken for granted: columns without names in the order of the other side.

    Examples
    --------
    >>> import penultimate as pen
    >>> found = pen.class_shares([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]] * 40, trained_on="balanced")
    >>> found.shares.round(2), found.changed
    (array([0.68, 0.32]), True)
    """

    names: Sequence[str]
    samples: int
    shares: Float[np.ndarray, " K"]
    intervals: Float[np.ndarray, "K 2"]
    counted: Float[np.ndarray, " K"]
    trained: Float[np.ndarray, " K"]
    p_value: float
    known: Int[np.ndarray, " K"] | None = None
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the mix is another than that of training: the test's p-value is below 5 %."""
        return self.p_value < SIZE

    @property
    def distance(self) -> float:
        """How much of the samples would have to change their class to be in the mix of training (total variation)."""
        return 0.5 * float(np.abs(self.shares - self.trained).sum())

    @property
    def few(self) -> tuple[str, ...]:
        """Classes with fewer than ten known samples, whose correction is rough."""
        if self.known is None:
            return ()
        return tuple(name for name, count in zip(self.names, self.known.tolist(), strict=True) if count < FEW)


def class_shares(
    probabilities: Given,
    *,
    trained_on: Mix | None = None,
    valid: Given | tuple[Given, object] | None = None,
    names: Sequence[object] | None = None,
    seed: int = 0,
) -> ClassShares:
    """Estimate the mix of classes in samples without labels.

    Parameters
    ----------
    probabilities : array-like of shape (N, K), data frame, or path
        What the model gives them; rows sum to 1.
    trained_on : counts, shares or "balanced", optional
        The mix of training. Needed without `valid`; the probabilities are then taken to be calibrated.
    valid : path, or tuple of probabilities and labels, optional
        Samples with known classes that the model was not trained on. They calibrate the probabilities, take away what
        is left of the bias, and widen the intervals by what they leave open. A file holds their classes as ``y``.
    names : sequence of str, optional
        Of the columns; by default those of the data frame or file, else those of the other side, in its order.
    seed : int, default 0
        Of the draws behind the intervals.

    Returns
    -------
    ClassShares

    Raises
    ------
    ProblemError
        When rows do not sum to 1, there are fewer than two samples or classes, mixes or labels do not fit, a class of
        the columns has no known sample, or neither `trained_on` nor `valid` is given.
    FileError
        When a file cannot be read.

    Notes
    -----
    The most likely mix where classes look as they did and only their shares change (Saerens, Latinne and Decaestecker
    2002, doi:10.1162/089976602753284446), on calibrated probabilities (Alexandari, Kundaje and Shrikumar 2020, arXiv
    1901.06852); the correction by the known samples is derived for this project (docs/probabilities).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> source = pen.datasets.features("cnn-ce-test")
    >>> batch = next(source.batches())
    >>> p = np.exp(source.head.logits(batch.features).astype(float))
    >>> p /= p.sum(axis=1, keepdims=True)
    >>> held, now = slice(0, 1000), np.flatnonzero((batch.labels != 9) | (np.arange(len(p)) % 10 == 0))[1000:]
    >>> found = pen.class_shares(p[now], valid=(p[held], batch.labels[held]))
    >>> bool(found.intervals[9, 0] < np.mean(batch.labels[now] == 9) < found.intervals[9, 1])
    True
    """
    found = _checked(probabilities_of(probabilities, names=names))
    rng = np.random.default_rng(checked_seed(seed))
    counted = np.bincount(found.values.argmax(axis=1), minlength=len(found.names)) / len(found.values)
    if valid is None:
        if trained_on is None:
            raise ProblemError("give trained_on, the counts of training, or valid, samples with known classes")
        mix = shares_of(trained_on, found.names, "trained_on")
        trained = _positive(mix.values, mix.names)
        shares, draws = _as_given(found.values / trained, rng)
        p_value = _test(found.values, trained)
        intervals, notes = _intervals(draws), tuple(filter(None, [mix.note]))
        return ClassShares(mix.names, len(found.values), shares, intervals, counted, trained, p_value, notes=notes)
    if trained_on is not None:
        raise ProblemError("trained_on and valid: give one; the known samples say their own mix")
    held, labels, columns = _known(valid, found)
    known = np.bincount(labels, minlength=len(columns.names))
    trained = known / known.sum()
    numbers = fit_calibration(held, labels)
    now, before = calibrated(found.values, numbers), calibrated(held, numbers)
    shares, draws = _by_known(now / trained, before / trained, labels, rng)
    p_value = _test(found.values, held)
    return ClassShares(
        columns.names, len(found.values), shares, _intervals(draws), counted, trained, p_value, known, columns.notes
    )


def _checked(found: Probabilities) -> Probabilities:
    if min(found.values.shape) < 2:
        raise ProblemError(f"probabilities of shape {found.values.shape}: give at least two samples and two classes")
    found.check_sums()
    return found


def _positive(shares: Float[np.ndarray, " K"], names: Sequence[str]) -> Float[np.ndarray, " K"]:
    if not shares.all():
        raise ProblemError(
            f"class {names[int(np.argmin(shares))]!r} has no share in trained_on: leave its column out, or give the "
            "counts of training"
        )
    return shares


class _Columns(NamedTuple):
    """Names of the columns, and what was taken for granted of them."""

    names: Sequence[str]
    notes: tuple[str, ...] = ()


def _pair(valid: object) -> tuple[Any, object]:
    """Probabilities and classes; no classes where a file or probabilities alone were given."""
    if isinstance(valid, tuple | list):
        both = cast(Sequence[Any], valid)
        # A list of two is a pair too, unless it is two rows of probabilities.
        if len(both) == 2 and (isinstance(valid, tuple) or np.ndim(both[0]) != 1):
            return both[0], both[1]
    return cast(Any, valid), None


def _known(
    valid: "Given | tuple[Given, object]", found: Probabilities
) -> tuple[Float[np.ndarray, "M K"], Int[np.ndarray, " M"], _Columns]:
    """Probabilities and classes of the known samples, by the columns of the others."""
    given, said = _pair(valid)
    held = _checked(probabilities_of(given, what="valid"))
    labels = held.labels if said is None else class_labels(said)
    if labels is None:
        raise ProblemError("valid has no labels: give (probabilities, classes), or a file with the classes as y")
    if held.values.shape[1] != len(found.names):
        raise ProblemError(
            f"valid has {held.values.shape[1]} classes and the probabilities {len(found.names)}: give those of one "
            "model"
        )
    order = _order(held.names, found.names)
    own = np.argsort(order)[class_indices(labels, held.names, len(held.values))]
    missing = np.bincount(own, minlength=len(found.names)) == 0
    if missing.any():
        raise ProblemError(
            f"valid has no sample of class {found.names[int(np.argmax(missing))]!r}, so nothing says what its "
            f"probabilities mean: give at least {FEW} of each"
        )
    return held.values[:, order], own, _columns(found.names, held.names)


def _columns(names: Sequence[str], held: Sequence[str]) -> _Columns:
    """Names from the side that has them."""
    if compared(names, held):
        return _Columns(names)
    if isinstance(names, NumberedNames):
        return _Columns(held, (as_it_stands("The probabilities", held, "valid"),))
    return _Columns(names, (as_it_stands("The probabilities of valid", names, "the others"),))


def _order(names: Sequence[str], wanted: Sequence[str]) -> Int[np.ndarray, " K"]:
    """Where each wanted column stands in the others: names decide where both sides have them."""
    try:
        return places(wanted, names, "the probabilities", "valid")
    except FeaturesError as error:
        raise ProblemError(str(error)) from None


def _as_given(
    ratios: Float[np.ndarray, "N K"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "B K"]]:
    """The estimate and its draws, for probabilities that are taken to be calibrated."""
    start = np.full((1, ratios.shape[1]), 1.0 / ratios.shape[1])
    shares = most_likely_mix(ratios, np.ones((1, len(ratios))), start)
    draws = [
        most_likely_mix(ratios, _drawn(rng, turn, len(ratios)), shares.repeat(turn, axis=0), _TOL)
        for turn in _turns(len(ratios))
    ]
    return shares[0], np.concatenate(draws)


def _by_known(
    ratios: Float[np.ndarray, "N K"],
    others: Float[np.ndarray, "M K"],
    labels: Int[np.ndarray, " M"],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "B K"]]:
    """The same with the correction by known samples, which are drawn anew too, class by class."""
    start = np.full((1, ratios.shape[1]), 1.0 / ratios.shape[1])
    whole = others, labels, np.ones((1, len(labels)))
    shares = corrected_mix(ratios, np.ones((1, len(ratios))), whole, start)
    draws: list[Float[np.ndarray, "_b K"]] = []
    for turn in _turns(len(ratios) + len(labels)):
        known = others, labels, _drawn_within(rng, turn, labels)
        draws.append(corrected_mix(ratios, _drawn(rng, turn, len(ratios)), known, shares.repeat(turn, axis=0), _TOL))
    return shares[0], np.concatenate(draws)


def _turns(samples: int) -> list[int]:
    """How many draws at once, so that memory stays bounded."""
    size = int(max(1, min(DRAWS, _AT_ONCE // samples)))
    return [min(size, DRAWS - begin) for begin in range(0, DRAWS, size)]


def _drawn(rng: np.random.Generator, draws: int, samples: int) -> Float[np.ndarray, "B N"]:
    """How often each sample is drawn when as many are drawn as there are."""
    return rng.multinomial(samples, np.full(samples, 1.0 / samples), size=draws).astype(np.float64)


def _drawn_within(rng: np.random.Generator, draws: int, labels: Int[np.ndarray, " M"]) -> Float[np.ndarray, "B M"]:
    """The same within every class, so that none is lost in a draw."""
    weights = np.empty((draws, len(labels)))
    for k in range(int(labels.max()) + 1):
        own = np.flatnonzero(labels == k)
        weights[:, own] = _drawn(rng, draws, own.size)
    return weights


def _intervals(draws: Float[np.ndarray, "B K"]) -> Float[np.ndarray, "K 2"]:
    tail = (1.0 - LEVEL) / 2.0
    return np.quantile(draws, [tail, 1.0 - tail], axis=0).T


def _test(now: Float[np.ndarray, "N K"], before: Float[np.ndarray, "M K"] | Float[np.ndarray, " K"]) -> float:
    """p-value of equal mean probabilities: no calibration bears on it where both sides are measured."""
    spread = np.atleast_2d(np.cov(now.T)) / len(now)
    if before.ndim == 2:
        spread, middle = spread + np.atleast_2d(np.cov(before.T)) / len(before), before.mean(axis=0)
    else:
        middle = before
    away = now.mean(axis=0) - middle
    values, vectors = np.linalg.eigh(spread)
    kept = values > 1e-9 * values[-1]  # rows sum to one, so one direction at least has no spread
    if not kept.any():
        return 1.0 if np.allclose(away, 0.0) else 0.0
    distance = float(np.sum((vectors[:, kept].T @ away) ** 2 / values[kept]))
    return float(chdtrc(int(kept.sum()), distance))
