"""Under cross-entropy, does the certified solution tell the end of a run from its start, as σ does for squared error?

`Trajectory.foresee` gives the last value there. Tried here: the same constrained dynamics, with the strengths of the
certified solution at the run's weight decay as the box, in place of σ. Networks are trained from scratch with constant
learning rates; strengths are those that the monitor logs, one look an epoch. Dead is below a tenth of the largest.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import penultimate as pen
from penultimate.forecasts.foreseeing import DEAD, foresee
from studies.foreseeing import CLASSES, network, one_epoch, samples
from studies.results import Claim, Study, main, markdown

PREFIXES, DECAYS = (0.1, 0.2, 0.4), (3e-3, 1.5e-2)
EPOCHS, RATE = 60, 0.05


class Run(NamedTuple):
    """Strengths after each epoch, and those of the certified solution at the run's weight decay."""

    data: str
    box: np.ndarray
    steps: np.ndarray
    strength: np.ndarray


class Score(NamedTuple):
    """Over the directions of all runs: rightly called alive or dead, and the median and 90 % error over the largest.

    Attributes
    ----------
    directions : int
    alive : float
        Share that lives.
    last, ours, of_box : float
        Share rightly called by the last value, by constrained dynamics, and by the certified solution alone.
    last_error, error, box_error : tuple of float
        Median and 90 % quantile.
    """

    directions: int
    alive: float
    last: float
    ours: float
    of_box: float
    last_error: tuple[float, float]
    error: tuple[float, float]
    box_error: tuple[float, float]


def trained(data: str, kind: str, decay: float, epochs: int, seed: int) -> Run:
    """Train one network with cross-entropy and look at it after every epoch."""
    features, labels = samples(data, seed)
    x, y = torch.tensor(features, dtype=torch.float32), torch.tensor(labels)
    torch.manual_seed(seed)
    body, head = network(kind, x.shape[1]), nn.Linear(64, CLASSES)
    forecast = pen.forecast(pen.ClassCounts(np.bincount(labels)), weight_decay=decay, loss="ce", feature_ratio=1.0)
    monitor = pen.torch.FeatureMonitor(CLASSES, 64, head=head, forecast=forecast, figures=["classes"])
    trajectory = pen.torch.Trajectory(forecast)
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=RATE, momentum=0.9, weight_decay=decay)
    step = 0
    for epoch in range(epochs + 1):
        with torch.no_grad():
            monitor.update(body(x), y)
        trajectory.add(step, monitor.compute())
        monitor.reset()
        if epoch == epochs:
            break
        step += one_epoch(nn.Sequential(body, head), optimiser, x, y, nn.functional.cross_entropy)
    size = trajectory.strength.shape[1]
    return Run(data, forecast.solution.strength[:size], trajectory.steps, trajectory.strength)


def score(runs: list[Run], prefix: float) -> Score:
    """What the first part of the looks of each run says of its end."""
    rows = []
    for run in runs:
        looks = max(int(prefix * len(run.steps)), 6)
        # A direction that the solution has lost cannot grow in its box.
        found = foresee(run.steps[:looks], run.strength[:looks], np.maximum(run.box, 1e-9), int(run.steps[-1]))
        largest = run.strength[-1].max()
        level = run.strength[looks - 3 : looks].mean(axis=0)
        rows.append(np.stack([run.strength[-1], level, found.strength, run.box], axis=1) / largest)
    end, last, ours, box = np.concatenate(rows).T
    lives = end >= DEAD
    right = [float(np.mean((one >= DEAD) == lives)) for one in (last, ours, box)]
    errors = [tuple(np.quantile(np.abs(one - end), (0.5, 0.9)).tolist()) for one in (last, ours, box)]
    return Score(end.size, float(lives.mean()), *right, *errors)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge whether it should be offered."""
    torch.set_num_threads(1)
    runs = [
        trained(data, kind, decay, 8 if quick else EPOCHS, seed + 307 + place)
        for place, data in enumerate(("features", "mixture"))
        for kind in (("one",) if quick else ("one", "three"))
        for decay in (DECAYS[:1] if quick else DECAYS)
    ]
    scores = {prefix: score(runs, prefix) for prefix in PREFIXES}
    claims = [_claim(prefix, one) for prefix, one in scores.items()]
    facts = {"prefixes": {str(prefix): one._asdict() for prefix, one in scores.items()}}
    return Study(claims, {}, facts, {"prefixes": _table(scores)})


def _claim(prefix: float, one: Score) -> Claim:
    return Claim(
        f"at {100 * prefix:.0f} % of a run with cross-entropy, error of constrained dynamics in the certified box",
        "below that of the last value, in the median and at 90 %",
        f"{one.error[0]:.3f} and {one.error[1]:.3f}; last value {one.last_error[0]:.3f} and {one.last_error[1]:.3f}",
        max(ours - last for ours, last in zip(one.error, one.last_error, strict=True)),
        0.0,
        "else it is not offered",
    )


def _table(scores: dict[float, Score]) -> str:
    rows = [
        (
            f"{100 * prefix:.0f} %",
            f"{one.directions}",
            f"{one.alive:.2f}",
            " / ".join(f"{value:.3f}" for value in (one.last, one.ours, one.of_box)),
            " / ".join(f"{value[0]:.3f}" for value in (one.last_error, one.error, one.box_error)),
            " / ".join(f"{value[1]:.3f}" for value in (one.last_error, one.error, one.box_error)),
        )
        for prefix, one in scores.items()
    ]
    heads = (
        "from",
        "directions",
        "alive",
        "rightly called: last value / dynamics / solution alone",
        "median error, over the largest",
        "90 % error",
    )
    return markdown(heads, rows)


if __name__ == "__main__":
    main("foreseeing_entropy", study)
