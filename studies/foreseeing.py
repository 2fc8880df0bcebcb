"""Is the end of a run what was foreseen from its start? Networks that had no part in choosing how.

The constants of `penultimate.forecasts.foreseeing` were picked on runs of plain networks with constant and cosine
learning rates. Here they are frozen, and the data, the networks, the schedules and the optimiser are others: a drop of
the learning rate, a warm-up, AdamW. Squared error, one look an epoch; dead is below a tenth of σ at the end.

Beside it the error of constrained least squares for linear dynamics (Tyagi and Efimov, arXiv 2303.15121), which is the
reason for the constraint: ``E ‖Â − A‖² ≈ tr(I⁻¹)/T``, I the information in the directions that the constraint leaves.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import torch
from torch import nn

import penultimate as pen
from penultimate.features.sources.in_memory import gather
from penultimate.forecasts.foreseeing import DEAD, foresee
from studies import charts
from studies.results import Claim, Study, main, markdown

PREFIXES = (0.05, 0.1, 0.2, 0.4)
RECIPES = ("step", "warm-up", "AdamW")
# Weight decays of SGD, and of AdamW, which scales them by its learning rate.
DECAYS = {"step": (3e-3, 1.5e-2), "warm-up": (3e-3, 1.5e-2), "AdamW": (0.1, 1.0)}
CLASSES, BATCH, EPOCHS = 10, 64, 120
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Run(NamedTuple):
    """One training run: σ, and the strength of each direction after each epoch, at the steps of the optimiser."""

    data: str
    recipe: str
    sigma: np.ndarray
    steps: np.ndarray
    strength: np.ndarray


class Score(NamedTuple):
    """Over the directions of some runs, from one part of their looks.

    Attributes
    ----------
    directions : int
    alive : float
        Share that lives, and so is right when all are called alive.
    last, ours : float
        Share rightly called by the last value, and by what is foreseen.
    last_error, error : tuple of float
        Median and 90 % quantile of the errors, over σ.
    says, right : float
        Share of directions of which the verdict is alive or dead, and how often it is right then.
    covered : float
        Share of ends within the band; not a number before a tenth.
    """

    directions: int
    alive: float
    last: float
    ours: float
    last_error: tuple[float, float]
    error: tuple[float, float]
    says: float
    right: float
    covered: float


def samples(data: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A long tail of held-out features of a bundled network, or of a Gaussian mixture."""
    rng = np.random.default_rng(seed)
    if data == "features":
        held = gather(pen.datasets.features("cnn-ce-test"))
        counts = np.geomspace(300, 6, CLASSES).astype(int)
        order = rng.permutation(CLASSES)
        rows = [rng.permutation(np.flatnonzero(held.labels == order[k]))[:n] for k, n in enumerate(counts)]
        features = held.features[np.concatenate(rows)]
        return (features - features.mean(axis=0)) / features.std(), np.repeat(np.arange(CLASSES), counts)
    counts = np.geomspace(400, 4, CLASSES).astype(int)
    labels = np.repeat(np.arange(CLASSES), counts)
    means = 0.7 * rng.standard_normal((CLASSES, 24))
    return (means[labels] + rng.standard_normal((len(labels), 24))).astype(np.float32), labels


def network(kind: str, width: int) -> nn.Sequential:
    """One hidden layer of tanh, or three of ReLU."""
    if kind == "one":
        return nn.Sequential(nn.Linear(width, 64), nn.Tanh())
    layers = [nn.Linear(width, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU()]
    return nn.Sequential(*layers)


def trained(data: str, kind: str, recipe: str, decay: float, epochs: int, seed: int) -> Run:
    """Train one network and look at it after every epoch."""
    features, labels = samples(data, seed)
    x, y = torch.tensor(features, dtype=torch.float32), torch.tensor(labels)
    torch.manual_seed(seed)
    body, head = network(kind, x.shape[1]), nn.Linear(64, CLASSES)
    parameters = [*body.parameters(), *head.parameters()]
    counts = np.bincount(labels)
    root = np.sqrt(counts)
    u, sigma, vt = np.linalg.svd(np.diag(root) - np.outer(counts / counts.sum(), root))
    rate = 2e-3 if recipe == "AdamW" else 0.05
    if recipe == "AdamW":
        optimiser: torch.optim.Optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    else:
        optimiser = torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)
    targets = torch.nn.functional.one_hot(y, CLASSES).float()
    steps, looks = [0], [_strength(body, head, x, labels, root, u, vt)]
    for epoch in range(epochs):
        factor = {"step": 0.1 if epoch >= 0.6 * epochs else 1.0, "warm-up": min(1.0, (epoch + 1) / (0.1 * epochs))}
        for group in optimiser.param_groups:
            group["lr"] = rate * factor.get(recipe, 1.0)
        steps.append(steps[-1] + one_epoch(nn.Sequential(body, head), optimiser, x, targets, _squared))
        looks.append(_strength(body, head, x, labels, root, u, vt))
    return Run(data, recipe, sigma[: CLASSES - 1], np.array(steps), np.stack(looks))


def one_epoch(
    model: nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, targets: torch.Tensor, loss: Loss
) -> int:
    """Go through all samples once, in random order; how many steps that took."""
    batches = torch.randperm(len(x)).split(BATCH)
    for rows in batches:
        optimiser.zero_grad()
        loss(model(x[rows]), targets[rows]).backward()
        optimiser.step()
    return len(batches)


def _squared(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return 0.5 * ((scores - targets) ** 2).sum(dim=1).mean()


def _strength(
    body: nn.Module,
    head: nn.Linear,
    x: torch.Tensor,
    labels: np.ndarray,
    root: np.ndarray,
    u: np.ndarray,
    vt: np.ndarray,
) -> np.ndarray:
    with torch.no_grad():
        features = body(x).double().numpy()
    means = np.stack([features[labels == k].mean(axis=0) for k in range(CLASSES)], axis=1)
    scores = head.weight.detach().double().numpy() @ (means - features.mean(axis=0)[:, None]) * root
    return np.diag(u.T @ scores @ vt.T)[: CLASSES - 1]


def score(runs: Sequence[Run], prefix: float) -> Score:
    """What the first part of the looks of each run says of its end."""
    rows = []
    for run in runs:
        looks = max(int(prefix * len(run.steps)), 6)
        found = foresee(run.steps[:looks], run.strength[:looks], run.sigma, int(run.steps[-1]))
        end, last, ours = run.strength[-1] / run.sigma, run.strength[looks - 1] / run.sigma, found.strength / run.sigma
        inside = np.full(end.size, np.nan)
        if found.low is not None and found.high is not None:
            inside = ((found.low <= run.strength[-1]) & (run.strength[-1] <= found.high)).astype(float)
        fate = np.array([{"alive": 1.0, "dead": 0.0}.get(one, np.nan) for one in found.verdict])
        rows.append(np.stack([end, last, ours, inside, fate], axis=1))
    end, last, ours, inside, fate = np.concatenate(rows).T
    lives, said = end >= DEAD, ~np.isnan(fate)
    errors = [tuple(np.quantile(np.abs(one - end), (0.5, 0.9)).tolist()) for one in (last, ours)]
    return Score(
        end.size,
        float(lives.mean()),
        float(np.mean((last >= DEAD) == lives)),
        float(np.mean((ours >= DEAD) == lives)),
        *errors,
        float(said.mean()),
        float(np.mean(fate[said] == lives[said])) if said.any() else float("nan"),
        float(np.nanmean(inside)) if not np.isnan(inside).all() else float("nan"),
    )


def constrained(length: int, draws: int, seed: int) -> tuple[float, float, float]:
    """Mean squared error of diagonal dynamics of 30 coordinates, of the formula, and of least squares without."""
    rng, width = np.random.default_rng(seed), 30
    rates = rng.uniform(0.2, 0.9, size=width)
    variance = 1.0 / (1.0 - rates**2)
    errors, free = [], []
    for _ in range(draws):
        x = np.empty((length + 1, width))
        x[0] = rng.standard_normal(width) * np.sqrt(variance)
        for t in range(length):
            x[t + 1] = rates * x[t] + rng.standard_normal(width)
        own = np.sum(x[1:] * x[:-1], axis=0) / np.sum(x[:-1] ** 2, axis=0)
        errors.append(np.sum((own - rates) ** 2))
        whole = np.linalg.lstsq(x[:-1], x[1:], rcond=None)[0].T
        free.append(np.sum((whole - np.diag(rates)) ** 2))
    return float(np.mean(errors)), float(np.sum(1.0 / variance) / length), float(np.mean(free))


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    torch.set_num_threads(1)
    runs = [
        trained(data, kind, recipe, decay, 20 if quick else EPOCHS, seed + 101 + place)
        for place, data in enumerate(("features", "mixture"))
        for kind in (("one",) if quick else ("one", "three"))
        for recipe in RECIPES
        for decay in (DECAYS[recipe][:1] if quick else DECAYS[recipe])
    ]
    scores = {prefix: score(runs, prefix) for prefix in PREFIXES}
    recipes = {recipe: score([run for run in runs if run.recipe == recipe], 0.1) for recipe in RECIPES}
    laws = {length: constrained(length, 40 if quick else 400, seed) for length in (20, 40, 80, 320)}
    early, late = scores[0.1], scores[0.4]
    claims = [
        Claim(
            "at 10 % of a run, alive or dead",
            "right at least as often as by the last value",
            f"{early.ours:.3f}; last value {early.last:.3f}; all alive {early.alive:.3f}",
            early.last - early.ours,
            0.0,
            "else there is no reason for it",
        ),
        Claim(
            "at 10 %, a verdict of alive or dead",
            "right in 0.97 of cases, as on the runs that it was picked on",
            f"{early.right:.3f}, said of {early.says:.2f} of directions",
            0.97 - early.right,
            0.03,
            "three standard errors of some two hundred directions",
        ),
        Claim(
            "never worse than the last value by more than 0.01 σ in the median",
            "from 5 to 40 %",
            ", ".join(f"{one.error[0]:.3f} ({one.last_error[0]:.3f})" for one in scores.values()),
            max(one.error[0] - one.last_error[0] for one in scores.values()),
            0.01,
            "what it was picked for",
        ),
        Claim(
            "at 40 %, the 90 % error",
            "at most 0.06 σ, as on the runs that it was picked on",
            f"{late.error[1]:.3f} σ; last value {late.last_error[1]:.3f}",
            late.error[1],
            0.06,
            "0.054 and 0.059 of the last value there",
        ),
        Claim(
            "error of constrained least squares, diagonal dynamics",
            "tr(I⁻¹)/T from T = 40 on",
            ", ".join(f"{found / law:.2f} (T = {length})" for length, (found, law, _) in laws.items()),
            max(abs(laws[length][0] / laws[length][1] - 1.0) for length in (40, 80, 320)),
            0.15,
            "the leading term in 1/T",
        ),
    ]
    facts = {
        "prefixes": {str(prefix): one._asdict() for prefix, one in scores.items()},
        "recipes at 10 %": {recipe: one._asdict() for recipe, one in recipes.items()},
        "constrained": {str(length): list(found) for length, found in laws.items()},
    }
    tables = {"prefixes": _table({f"{100 * p:.0f} %": one for p, one in scores.items()}), "recipes": _table(recipes)}
    tables["constrained"] = markdown(
        ("T", "error, diagonal", "tr(I⁻¹)/T", "error without constraint"),
        [(f"{length}", *(f"{one:.3g}" for one in found)) for length, found in laws.items()],
    )
    return Study(claims, {"errors": _chart(scores)}, facts, tables)


def _table(scores: dict[str, Score]) -> str:
    rows = [
        (
            name,
            f"{one.directions}",
            f"{one.alive:.3f} / {one.last:.3f} / **{one.ours:.3f}**",
            f"{one.last_error[0]:.3f} / **{one.error[0]:.3f}**",
            f"{one.last_error[1]:.3f} / **{one.error[1]:.3f}**",
            f"{one.says:.2f}",
            f"{one.right:.3f}",
            "–" if np.isnan(one.covered) else f"{one.covered:.2f}",
        )
        for name, one in scores.items()
    ]
    heads = (
        "from",
        "directions",
        "right: all alive / last value / **foreseen**",
        "median error in σ: last / **foreseen**",
        "90 % error: last / **foreseen**",
        "says alive or dead",
        "right then",
        "band holds the end",
    )
    return markdown(heads, rows)


def _chart(scores: dict[float, Score]) -> alt.LayerChart:
    rows = [
        {"prefix": 100 * prefix, "error": error, "what": what}
        for prefix, one in scores.items()
        for what, error in (("last value", one.last_error[1]), ("foreseen", one.error[1]))
    ]
    x = charts.axis("prefix", "part of the run that has passed, %")
    y = charts.axis("error", "90 % error, σ")
    colour = charts.colour("what", "", ["foreseen", "last value"])
    notes = ["Networks, schedules and data that had no part in choosing how"]
    return charts.chart("The end of a run from its start", notes, charts.lines(rows, x, y, colour))


if __name__ == "__main__":
    main("foreseeing", study)
