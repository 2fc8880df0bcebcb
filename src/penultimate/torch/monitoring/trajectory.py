"""How strong every direction was as training went on, beside what theory expects of it."""

import json
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from penultimate.archives.sealed import seal, unseal
from penultimate.errors import FeaturesError, FileError
from penultimate.files import write_whole
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.foreseeing import Foreseen, foresee
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.timeline import Timeline, has_timeline
from penultimate.model.arguments import whole
from penultimate.torch.monitoring.beside import check_beside, note_of
from penultimate.torch.monitoring.parts import KeptMeans
from penultimate.torch.monitoring.standings import SharedDirection, Standings, share, stand

if TYPE_CHECKING:
    import os

    import altair as alt

_FORMAT = "penultimate trajectory 1"
# What is saved of `KeptMeans`, the check sum apart.
_KEPT = ("counts", "means", "part_counts", "residuals")
# Of the timeline; the chart, whose axis is logarithmic, takes some.
_POINTS = 5000


class Trajectory:
    """Strengths of the leading directions, step by step, as a `FeatureMonitor` measures them.

    Parameters
    ----------
    forecast : Forecast or LabelForecast
        The monitor's.

    Examples
    --------
    >>> import penultimate as pen
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1)
    >>> trajectory = pen.torch.Trajectory(forecast)
    >>> for step, strengths in ((0, (0.1, 0.0)), (100, (5.0, 0.2)), (200, (6.0, 3.0))):
    ...     trajectory.add(step, {"direction/1": strengths[0], "direction/2": strengths[1]})
    >>> trajectory.strength.shape, trajectory.learnt_at.round()
    ((3, 2), array([ 59., 146.]))
    """

    def __init__(self, forecast: Forecast | LabelForecast) -> None:
        self.forecast = forecast
        self._steps: list[int] = []
        self._strength: list[list[float]] = []
        self._kept: dict[int, KeptMeans] = {}

    def add(self, step: int, figures: Mapping[str, Any], means: KeptMeans | None = None) -> None:
        """Note what the monitor's ``compute()`` returned at a step of the optimiser.

        Parameters
        ----------
        step : int
            Larger than those before.
        figures : mapping of str to float or Tensor
            Of these, ``direction/1``, ``direction/2``, …
        means : KeptMeans, optional
            The monitor's ``means()``, taken before it is reset; `directions` and `shared` need them.

        Raises
        ------
        FeaturesError
            For no directions, more than the forecast has, others than before, an earlier step, or means of other sizes.
        ProblemError
            For a step that is no whole number.

        Warns
        -----
        UserWarning
            Once, when means are of other samples than the first ones, or of another order of them.
        """
        row: list[float] = []
        while (name := f"direction/{len(row) + 1}") in figures:
            row.append(float(figures[name]))
        if not row:
            raise FeaturesError(
                "the figures hold no direction/…: give the monitor a head and a forecast, and samples of every class"
            )
        if len(row) > (most := self.forecast.solution.sigma.size):
            raise FeaturesError(f"there are {len(row)} directions and the forecast has {most}: give the monitor's own")
        if self._strength and len(row) != len(self._strength[0]):
            raise FeaturesError(f"there are {len(row)} directions and were {len(self._strength[0])}: use one monitor")
        step = whole(step, "the step", least=0)
        if self._steps and step <= self._steps[-1]:
            raise FeaturesError(f"step {step} does not come after step {self._steps[-1]}: begin another trajectory")
        if means is not None:
            self._check(means)
            self._kept[step] = means
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

    def directions(self, level: float = 0.01, *, seed: int = 0) -> Standings:
        """Which directions of the labels, and which classes, stood above noise: since when, and whether they died.

        Parameters
        ----------
        level : float, default 0.01
            Of every test: of 1,000 classes without a direction ten are said to have one.
        seed : int, default 0
            Of the signs.

        Returns
        -------
        Standings

        Raises
        ------
        FeaturesError
            When fewer than two looks have means, their samples differ, fewer than two classes have two samples, or
            features do not scatter within classes.
        ProblemError
            For a level below 1/200 or not below 1.

        Notes
        -----
        docs/theory §14.1, derived for this project. Noise is that of the samples themselves, with random signs, in 199
        sets. The whole of training is tested first, then each checkpoint, for whichever is the largest by chance.
        Means of training samples answer whether a class was memorised, of others whether it was learnt.

        Examples
        --------
        >>> import torch, penultimate as pen
        >>> _ = torch.manual_seed(0)
        >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 20]), weight_decay=1e-3)
        >>> monitor = pen.torch.FeatureMonitor(3, 8, head=torch.nn.Linear(8, 3), forecast=forecast, keep_means=True)
        >>> trajectory = pen.torch.Trajectory(forecast)
        >>> labels, noise = torch.arange(120) % 3, torch.randn(120, 8)
        >>> for step, strength in ((0, 0.0), (100, 0.5), (200, 2.0)):
        ...     monitor.update(strength * torch.eye(3, 8)[labels] + noise, labels)
        ...     trajectory.add(step, monitor.compute(), monitor.means())
        ...     monitor.reset()
        >>> [(one.name, one.standing.value, one.born_at) for one in trajectory.directions().classes]
        [('0', 'above noise', 200), ('1', 'above noise', 200), ('2', 'above noise', 200)]
        >>> trajectory.shared().p
        0.005
        """
        if isinstance(self.forecast, LabelForecast):
            raise FeaturesError("noise of means is known of one class a sample: the trajectory is of label sets")
        return stand(self.forecast, *self._looks(), self.strength.shape[1], level, seed)

    def shared(self, *, seed: int = 0) -> SharedDirection:
        """Whether *any* direction is shared by classes, features and checkpoints, whatever the labels say.

        A careful test: where the class or the direction of the labels is known, `directions` sees a third of the
        strength.

        Parameters
        ----------
        seed : int, default 0
            Of the signs.

        Returns
        -------
        SharedDirection

        Raises
        ------
        FeaturesError
            As of `directions`.
        """
        return share(*self._looks(), seed)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write strengths and kept means as a sealed .safetensors file.

        Parameters
        ----------
        path : path-like
            A file that exists is replaced.

        Raises
        ------
        FileError
            When it cannot be written.
        """
        arrays = {"steps": self.steps, "strength": self.strength, "sigma": self.forecast.solution.sigma}
        for step, one in self._kept.items():
            arrays |= {f"{step}/{name}": getattr(one, name) for name in _KEPT}
        orders = {str(step): one.order for step, one in self._kept.items()}
        write_whole(path, seal(_FORMAT, arrays, {"orders": json.dumps(orders), **note_of(self.forecast)}))

    @classmethod
    def read(cls, path: "str | os.PathLike[str]", forecast: Forecast | LabelForecast) -> "Trajectory":
        """Read what `save` wrote.

        Parameters
        ----------
        path : path-like
        forecast : Forecast or LabelForecast
            The one it was measured beside.

        Returns
        -------
        Trajectory

        Raises
        ------
        FileError
            When the file is missing, damaged or something else.
        FeaturesError
            When it was measured beside a forecast of other counts, another weight decay, loss or bias.

        Examples
        --------
        >>> import pathlib, tempfile, penultimate as pen
        >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3)
        >>> trajectory = pen.torch.Trajectory(forecast)
        >>> trajectory.add(10, {"direction/1": 1.0})
        >>> path = pathlib.Path(tempfile.mkdtemp(), "run.safetensors")
        >>> trajectory.save(path)
        >>> pen.torch.Trajectory.read(path, forecast)
        Trajectory(1 steps, 1 directions)
        """
        arrays, note = unseal(path, _FORMAT)
        check_beside(path, arrays, note, forecast)
        out = cls(forecast)
        try:
            orders: dict[str, int] = json.loads(note["orders"])
            out._steps, out._strength = arrays["steps"].tolist(), arrays["strength"].tolist()
            out._kept = {
                int(step): KeptMeans(order=order, **{name: arrays[f"{step}/{name}"] for name in _KEPT})
                for step, order in orders.items()
            }
        except (KeyError, ValueError) as error:
            raise FileError(f"{path}: the file is damaged ({error}): write it again") from None
        return out

    def foresee(self, until: int) -> Foreseen:
        """Where each direction will be at the end of the run, from the looks so far.

        Parameters
        ----------
        until : int
            The last step of the run.

        Returns
        -------
        Foreseen
            For squared error the larger of the last value and of where constrained dynamics lead; for other losses
            the last value.

        Raises
        ------
        FeaturesError
            For fewer than six looks, strengths that are not finite, and an end before the last look.

        Notes
        -----
        docs/theory, "The end of a run". It takes the recipe to go on as it is: a drop of the learning rate holds
        directions back, and a warm restart breaks the law.

        Examples
        --------
        >>> import penultimate as pen
        >>> trajectory = pen.torch.Trajectory(pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, loss="ce"))
        >>> for step in range(1, 7):
        ...     trajectory.add(step, {"direction/1": 1.0, "direction/2": 0.02})
        >>> foreseen = trajectory.foresee(until=20)
        >>> foreseen.by, foreseen.verdict
        ('last value', ('alive', 'dead'))
        """
        squared = self.forecast.is_squared_error
        sigma = self.forecast.solution.sigma[: self.strength.shape[1]] if squared else None
        return foresee(self.steps, self.strength, sigma, until)

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

    def plot(self, lr: float | None = None, momentum: float = 0.0, *, until: int | None = None) -> "alt.LayerChart":
        """Measured strengths over training, beside those that the forecast expects.

        For squared error they are shares of their singular values, for other losses as they are. Where the forecast has
        a `Forecast.timeline` and `lr` is given, its curves are dashed, their steps divided by `clock`; else the values
        at which it expects training to end.

        Parameters
        ----------
        lr, momentum : float, optional
            Of SGD.
        until : int, optional
            The last step of the run: what `foresee` says of it is drawn, too.

        Raises
        ------
        FeaturesError
            When no step after the start has been added; with `until`, as `foresee`.
        ProblemError
            When `lr` or `momentum` are out of range.
        """
        # Only a drawing needs Altair.
        from penultimate.report.trajectory.strengths import trajectory_chart

        if not self._steps or self._steps[-1] < 1:
            raise FeaturesError("the trajectory has no steps to draw: add figures of training first")
        foreseen = None if until is None else self.foresee(until)
        if lr is None or not (self.forecast.is_squared_error and has_timeline(self.forecast.problem)):
            return trajectory_chart(self.forecast, self.steps, self.strength, foreseen=foreseen)
        clock = self.clock(self.forecast.timeline(lr, momentum))
        clock = clock if math.isfinite(clock) else 1.0
        span = math.ceil((self._steps[-1] if until is None else until) * clock)
        timeline = self.forecast.timeline(lr, momentum, max(span, 1), points=_POINTS)
        return trajectory_chart(self.forecast, self.steps, self.strength, timeline, clock, foreseen)

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

    def _looks(self) -> tuple[list[int], list[KeptMeans]]:
        return list(self._kept), list(self._kept.values())

    def _check(self, means: KeptMeans) -> None:
        if not self._kept:
            return
        first, *others = self._kept.values()
        if means.means.shape != first.means.shape:
            raise FeaturesError(
                f"the means have shape {means.means.shape} and had {first.means.shape}: use one monitor"
            )
        if means.order != first.order and all(one.order == first.order for one in others):
            warnings.warn(
                "these means are of other samples than the first, or of the same in another order, and noise cannot be "
                "followed over them: look at a loader that does not shuffle, or give update(…, ids=)",
                stacklevel=3,
            )

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
