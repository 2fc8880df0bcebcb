"""How strong every direction was as training went on, beside what theory expects of it."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from penultimate.errors import FeaturesError
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.timeline import Timeline, has_timeline

if TYPE_CHECKING:
    import altair as alt

# Of the timeline; the chart, whose axis is logarithmic, takes some.
_POINTS = 5000


class Trajectory:
    """Strengths of the leading directions, step by step, as a `FeatureMonitor` measures them.

    Parameters
    ----------
    forecast : Forecast
        The monitor's.

    Examples
    --------
    >>> import penultimate as pen
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3)
    >>> trajectory = pen.torch.Trajectory(forecast)
    >>> for step, strengths in ((0, (0.1, 0.0)), (100, (5.0, 0.2)), (200, (6.0, 3.0))):
    ...     trajectory.add(step, {"direction/1": strengths[0], "direction/2": strengths[1]})
    >>> trajectory.strength.shape, trajectory.learnt_at.round()
    ((3, 2), array([ 59., 146.]))
    """

    def __init__(self, forecast: Forecast) -> None:
        self.forecast = forecast
        self._steps: list[int] = []
        self._strength: list[list[float]] = []

    def add(self, step: int, figures: Mapping[str, Any]) -> None:
        """Note what the monitor's ``compute()`` returned at a step of the optimiser.

        Parameters
        ----------
        step : int
            Larger than those before.
        figures : mapping of str to float or Tensor
            Of these, ``direction/1``, ``direction/2``, …

        Raises
        ------
        FeaturesError
            When there are none, other directions than before, or the step is not a later one.
        """
        row: list[float] = []
        while (name := f"direction/{len(row) + 1}") in figures:
            row.append(float(figures[name]))
        if not row:
            raise FeaturesError(
                "the figures hold no direction/…: give the monitor a head and a forecast, and samples of every class"
            )
        if self._strength and len(row) != len(self._strength[0]):
            raise FeaturesError(f"there are {len(row)} directions and were {len(self._strength[0])}: use one monitor")
        if self._steps and step <= self._steps[-1]:
            raise FeaturesError(f"step {step} does not come after step {self._steps[-1]}: begin another trajectory")
        self._steps.append(step)
        self._strength.append(row)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> Int[np.ndarray, " T"]:
        """Steps of the optimiser, shape (T,)."""
        return np.array(self._steps, dtype=np.int64)

    @property
    def strength(self) -> Float[np.ndarray, "T t"]:
        """Measured t_i at those steps, one column per distinct singular value, largest first, shape (T, t)."""
        columns = len(self._strength[0]) if self._strength else 0
        return np.array(self._strength, dtype=np.float64).reshape(len(self), columns)

    @property
    def learnt_at(self) -> Float[np.ndarray, " t"]:
        """The step at which each direction first had half of its last strength, shape (t,), as `Timeline.learnt_at`.

        Between two steps it is interpolated; infinite for a direction that ends without strength.
        """
        return np.array([_half(self.steps.astype(np.float64), column) for column in self.strength.T])

    def clock(self, timeline: Timeline) -> float:
        """How many of the timeline's steps pass in one step of training: one factor for all directions.

        The timeline is that of features that move one by one, each by its own share of the loss; a network moves all of
        them at once, and so is faster by a factor that only training tells. Here it is the geometric mean of the ratios
        of both `learnt_at`.

        Parameters
        ----------
        timeline : Timeline
            ``forecast.timeline(lr, momentum)``.

        Returns
        -------
        float
            NaN when no direction has been learnt in both.
        """
        ours = self.learnt_at
        theirs = timeline.learnt_at[: ours.size]
        both = np.isfinite(ours) & np.isfinite(theirs) & (ours > 0) & (theirs > 0)
        return float(np.exp(np.mean(np.log(theirs[both] / ours[both])))) if both.any() else float("nan")

    def plot(self, lr: float | None = None, momentum: float = 0.0) -> "alt.LayerChart":
        """Measured strengths over training, beside those that the forecast expects.

        For squared error they are shares of their singular values, for other losses as they are. Where the forecast has
        a `Forecast.timeline` and `lr` is given, its curves are dashed, their steps divided by `clock`; else the values
        at which it expects training to end.

        Parameters
        ----------
        lr, momentum : float, optional
            Of SGD.

        Raises
        ------
        FeaturesError
            When no step after the start has been added.
        ProblemError
            When `lr` or `momentum` are out of range.
        """
        # Only a drawing needs Altair.
        from penultimate.report.trajectory import trajectory_chart

        if not self._steps or self._steps[-1] < 1:
            raise FeaturesError("the trajectory has no steps to draw: add figures of training first")
        if lr is None or not has_timeline(self.forecast.problem):
            return trajectory_chart(self.forecast, self.steps, self.strength)
        clock = self.clock(self.forecast.timeline(lr, momentum))
        clock = clock if math.isfinite(clock) else 1.0
        span = math.ceil(self._steps[-1] * clock)
        timeline = self.forecast.timeline(lr, momentum, max(span, 1), points=_POINTS)
        return trajectory_chart(self.forecast, self.steps, self.strength, timeline, clock)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and lists, ready for JSON; keys ``sigma``, ``steps``, ``strength``, ``learnt_at``."""
        strength = self.strength
        learnt = [step if np.isfinite(step) else None for step in self.learnt_at.tolist()]
        return {
            "sigma": self.forecast.solution.sigma[: strength.shape[1]].tolist(),
            "steps": self.steps.tolist(),
            "strength": strength.tolist(),
            "learnt_at": learnt,
        }

    def __repr__(self) -> str:
        return f"Trajectory({len(self)} steps, {self.strength.shape[1]} directions)"


def _half(steps: Float[np.ndarray, " T"], strength: Float[np.ndarray, " T"]) -> float:
    half = strength[-1] / 2
    if not half > 0:
        return float("inf")
    after = int(np.argmax(strength >= half))
    if after == 0:
        return float(steps[0])
    share = (half - strength[after - 1]) / (strength[after] - strength[after - 1])
    return float(steps[after - 1] + share * (steps[after] - steps[after - 1]))
