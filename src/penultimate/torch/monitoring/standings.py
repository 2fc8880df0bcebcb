"""Which directions of class means stood above noise while a network trained, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from penultimate.errors import FeaturesError, ProblemError
from penultimate.forecasts.forecast import Forecast
from penultimate.noise.over_training import REFERENCES, MeansOverTraining, Tested
from penultimate.noise.standing import Direction, Standing
from penultimate.reported import OneLine
from penultimate.torch.monitoring.parts import KeptMeans

if TYPE_CHECKING:
    import altair as alt

# A direction has died where less than this share of its most is left, as in `learnt_at`.
_HALF = 0.5
# Below it the laws of large matrices and tensors are not to be trusted.
_FEW = 20


@dataclass(frozen=True, eq=False, repr=False)
class Standings(OneLine):
    """What `Trajectory.directions` found.

    Attributes
    ----------
    steps : ndarray of shape (T,)
    level : float
        Of each test.
    labels, classes : tuple of Direction
        Leading directions of the labels, as of ``Trajectory.strength``; and every class, in the forecast's order.
    widths : tuple of int
        Dimensions of the features that were kept, and independent modes of the checkpoints.
    notes : tuple of str
        What to bear in mind.
    """

    steps: Int[np.ndarray, " T"]
    level: float
    labels: tuple[Direction, ...]
    classes: tuple[Direction, ...]
    widths: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The result in a few plain sentences."""
        from penultimate.report.trajectory.words import verdict

        return verdict(self.steps, self.classes, self.notes)

    def plot(self) -> "alt.LayerChart":
        """Draw the strength of classes of all sizes over training; points are where they stand above noise."""
        from penultimate.report.trajectory.standings import standings_chart

        return standings_chart(self.steps, self.classes)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, lists and strings, ready for JSON."""
        return {
            "verdict": self.verdict,
            "level": self.level,
            "steps": self.steps.tolist(),
            "features": self.widths[0],
            "independent_checkpoints": self.widths[1],
            "notes": list(self.notes),
            "labels": [_record(one) for one in self.labels],
            "classes": [_record(one) for one in self.classes],
        }

    def __str__(self) -> str:
        return self.verdict


@dataclass(frozen=True, eq=False, repr=False)
class SharedDirection(OneLine):
    """The strongest direction that classes, features and checkpoints share: what `Trajectory.shared` found.

    Attributes
    ----------
    steps : ndarray of shape (T,)
    p : float
        That noise alone has one as strong; by flips of signs, on the careful side.
    classes : ndarray of shape (K,)
        Unit vector of what each class has of it, times the root of its samples; NaN for classes too small to judge.
    features : ndarray of shape (d,)
        Unit vector.
    profile : ndarray of shape (T,)
        How strong it was at each step; noise has standard deviation 1.
    notes : tuple of str
        What to bear in mind.
    """

    steps: Int[np.ndarray, " T"]
    p: float
    classes: Float[np.ndarray, " K"]
    features: Float[np.ndarray, " d"]
    profile: Float[np.ndarray, " T"]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and lists, ready for JSON."""
        return {
            "p": self.p,
            "steps": self.steps.tolist(),
            "classes": [value if np.isfinite(value) else None for value in self.classes.tolist()],
            "features": self.features.tolist(),
            "profile": self.profile.tolist(),
            "notes": list(self.notes),
        }


def stand(
    forecast: Forecast, steps: Sequence[int], kept: Sequence[KeptMeans], labels: int, level: float, seed: int
) -> Standings:
    """Test all classes and so many leading directions of the labels; errors as `Trajectory.directions`."""
    if not 1 / (1 + REFERENCES) <= level < 1:
        raise ProblemError(f"the level is {level!r}: give one from {1 / (1 + REFERENCES)} to below 1")
    judged, over = _opened(kept)
    counts, names = kept[0].counts[judged], forecast.counts.names
    unit = np.sqrt(counts / counts.sum())
    own = np.eye(counts.size) - np.outer(unit, unit)
    rows, entry = _of_labels(forecast, judged, counts, labels)
    found = over.test(
        np.vstack([own / np.sqrt(np.diag(own))[:, None], rows]),
        np.concatenate([np.arange(counts.size), counts.size + entry]),
        seed,
    )
    told: list[Direction | None] = [None] * len(names)
    for j, k in enumerate(judged.tolist()):
        parts = np.count_nonzero(kept[0].part_counts[k])
        root = np.sqrt(counts[j] * (1 - counts[j] / counts.sum()))
        told[k] = _direction((str(names[k]), counts[j], root), steps, level, found, j, 2.0 ** (1 - parts))
    whole = float(counts.sum())
    of_labels = [
        _direction((f"direction/{i + 1}", whole, np.sqrt(whole)), steps, level, found, counts.size + i, 0.0)
        for i in range(len(found.p) - counts.size)
    ]
    classes = [one or _untold(str(names[k]), float(kept[0].counts[k]), len(steps)) for k, one in enumerate(told)]
    notes = _notes(kept, judged, over)
    return Standings(np.array(steps), level, tuple(of_labels), tuple(classes), over.widths, notes)


def share(steps: Sequence[int], kept: Sequence[KeptMeans], seed: int) -> SharedDirection:
    """The free test; errors as `Trajectory.shared`."""
    judged, over = _opened(kept)
    found = over.test_free(seed)
    classes = np.full(len(kept[0].counts), np.nan)
    classes[judged] = found.classes
    notes = _notes(kept, judged, over)
    return SharedDirection(np.array(steps), found.p, classes, found.features, found.profile, notes)


def _opened(kept: Sequence[KeptMeans]) -> tuple[Int[np.ndarray, " J"], MeansOverTraining]:
    """The classes that can be judged, and their means over training."""
    if len(kept) < 2:
        raise FeaturesError(
            f"the trajectory has kept means of {len(kept)} looks and two are needed: make the monitor with "
            "keep_means=True and give trajectory.add(step, monitor.compute(), monitor.means()); callbacks do"
        )
    first = kept[0]
    for one in kept[1:]:
        if one.order != first.order or not np.array_equal(one.part_counts, first.part_counts):
            raise FeaturesError(
                "looks saw other samples, or the same in another order, so that their noise cannot be followed: look "
                "at a loader that does not shuffle, or give update(…, ids=)"
            )
    judged = np.flatnonzero(np.count_nonzero(first.part_counts, axis=1) >= 2)
    if judged.size < 2:
        raise FeaturesError(
            f"{judged.size} classes have two samples or more: noise is known from the scatter within classes, give "
            "more samples to look at"
        )
    means = np.stack([one.means[judged] for one in kept])
    residuals = np.stack([one.residuals[judged] for one in kept])
    return judged, MeansOverTraining(first.counts[judged], means, first.part_counts[judged], residuals)


def _of_labels(
    forecast: Forecast, judged: Int[np.ndarray, " J"], counts: Float[np.ndarray, " J"], labels: int
) -> tuple[Float[np.ndarray, "r J"], Int[np.ndarray, " r"]]:
    """Leading directions of the labels, on means times the root of the samples *seen*; each row's direction."""
    svd = forecast.geometry.svd
    entry = np.repeat(np.arange(svd.sigma.size), svd.multiplicity)
    entry = entry[entry < labels]
    vectors = svd.vectors("right", np.arange(entry.size))[judged]
    rows = (vectors * np.sqrt(forecast.counts.values[judged] / counts)[:, None]).T
    unit = np.sqrt(counts / counts.sum())
    rows = rows - np.outer(rows @ unit, unit)
    lengths = np.linalg.norm(rows, axis=1)
    # Of a direction of classes that are not judged nothing is left.
    seen = np.isin(entry, entry[lengths <= 1e-9], invert=True)
    _, place = np.unique(entry[seen], return_inverse=True)
    return rows[seen] / lengths[seen, None], place


def _direction(
    whose: tuple[str, float, float], steps: Sequence[int], level: float, found: Tested, j: int, least: float
) -> Direction:
    name, samples, root = whose
    p, profile = max(float(found.p[j]), least), found.profile[j]
    above: list[int] = np.flatnonzero(found.p_at[j] <= level).tolist() if p <= level else []
    # The first step from which on it stays small; the profile's largest entry is positive.
    small = int(np.flatnonzero(profile >= _HALF * profile.max())[-1]) + 1
    died = bool(above) and small < len(steps)
    standing = Standing.TOO_FEW if least > level else Standing.ABOVE if p <= level else Standing.NOT_ABOVE
    return Direction(
        name=name,
        samples=float(samples),
        standing=standing,
        p=p,
        born_at=steps[above[0]] if above else None,
        died_at=steps[small] if died else None,
        strength=profile / root,
        error=float(1 / root),
        alignment=float(found.alignment[j]) if standing is Standing.ABOVE else 0.0,
    )


def _untold(name: str, samples: float, looks: int) -> Direction:
    unknown = np.full(looks, np.nan)
    return Direction(name, samples, Standing.TOO_FEW, 1.0, None, None, unknown, float("nan"), 0.0)


def _notes(kept: Sequence[KeptMeans], judged: Int[np.ndarray, " J"], over: MeansOverTraining) -> tuple[str, ...]:
    notes: list[str] = []
    left_out = len(kept[0].counts) - judged.size
    if left_out:
        notes.append(f"classes with fewer than two samples were left out ({left_out:,})")
    if judged.size < _FEW or over.widths[0] < _FEW:
        notes.append(
            f"with {judged.size} classes and {over.widths[0]} dimensions of features alignments are rough: their law "
            f"wants {_FEW} of each"
        )
    return tuple(notes)


def _record(one: Direction) -> dict[str, object]:
    strength = [value if np.isfinite(value) else None for value in one.strength.tolist()]
    error = one.error if np.isfinite(one.error) else None
    return {**vars(one), "standing": one.standing.value, "strength": strength, "error": error}
