"""When each direction is learnt: logistic curves against the model itself, and against a real network's first epochs.

Gradient flow on the model of one layer, with equal decays and the bias at its optimum, makes every direction of a
balanced start grow along its own logistic curve (docs/theory §7), with rate 2 s_i/N, s_i = σ_i − θ. Three things are
asked: does the model, stepped explicitly from that start, follow the curves? Started at random instead, where no
curve can be given a beginning, does a direction still take the time N ln 3/s_i from a quarter to three quarters of
its strength? And in a real network, whose features are not free and whose clock is its own: are directions learnt in
the order of s_i, and as fast as 1/s_i says?
"""

import altair as alt
import numpy as np
from scipy.stats import spearmanr

import penultimate as pen
from studies import charts
from studies.descent import GradientDescent, Model, balanced_problem
from studies.results import TENTH, Claim, Study, main, shown
from studies.training import Network, Recipe, features, train

COUNTS = pen.ClassCounts([200, 90, 40, 18, 8])
THRESHOLD = 1.5
Curves = tuple[np.ndarray, np.ndarray]  # times, and strengths of every direction at each


def model_curves(start: float | None, seed: int, rate: float, steps: int) -> Curves:
    """Strengths of the model's directions under small explicit steps, from an aligned start or (None) a random one."""
    problem = balanced_problem(COUNTS, THRESHOLD, 1, "free")
    model, svd = Model.of_means(COUNTS, problem), pen.LabelSpectrum(COUNTS)
    left, right, root = svd.vectors("left"), svd.vectors("right"), np.sqrt(COUNTS.values)[:, None]
    at = model.start(1e-4, 1, seed)
    if start is not None:
        at.weights[0][0] = np.sqrt(start) * np.pad(left, ((0, 0), (0, 1)))
        at.features[0] = np.sqrt(start) * np.pad(right, ((0, 0), (0, 1))) / root
    method, strengths = GradientDescent(rate), np.empty((steps, svd.rank))
    share = COUNTS.values / COUNTS.samples
    for step in range(steps):
        mean = share @ at.features[0]
        at.bias[0] = share - at.weights[0][0] @ mean
        product = at.weights[0][0] @ ((at.features[0] - mean) * root).T
        strengths[step] = np.einsum("ki,kl,li->i", left, product, right)
        method.step(at, model.gradient(at))
    return rate * np.arange(steps), strengths


def network_curves(recipe: Recipe, looks: int) -> tuple[Curves, np.ndarray]:
    """Diagonal of T of a real network during training, against the time Σ η/(1 − β) of its schedule; and its s_i."""
    data = recipe.load()
    svd = pen.LabelSpectrum(data.counts)
    steps = recipe.epochs * -(-len(data.labels) // 128)
    wanted = set(np.unique(np.geomspace(1, steps, looks).astype(int)).tolist())
    labels, root = data.labels.numpy(), np.sqrt(data.counts.values)[:, None]
    left, right = svd.vectors("left"), svd.vectors("right")
    seen: list[tuple[int, np.ndarray]] = []

    def watch(step: int, network: Network) -> None:
        if step in wanted:
            made = features(network, data.inputs)
            means = np.stack([made[labels == k].mean(axis=0) for k in range(data.counts.classes)])
            centred = (means - made.mean(axis=0)) * root
            seen.append((step, np.einsum("ki,kl,li->i", left, network.as_head().product @ centred.T, right)))

    train(recipe, watch)
    rates = schedule(steps)
    times = np.array([rates[:step].sum() for step, _ in seen]) / (1 - 0.9)
    strengths = np.array([strength for _, strength in seen])
    return (times, strengths), svd.sigma


def schedule(steps: int) -> np.ndarray:
    """Learning rates of `studies.training`: they rise over a twentieth of training, then fall as a cosine."""
    import torch

    dummy = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.05)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        dummy, 0.05, steps, pct_start=0.05, cycle_momentum=False, final_div_factor=1e4
    )
    rates = []
    for _ in range(steps):
        rates.append(dummy.param_groups[0]["lr"])
        dummy.step()
        cycle.step()
    return np.array(rates)


def crossing(curves: Curves, levels: np.ndarray) -> np.ndarray:
    """Time at which each direction first reaches its level, between two looks; not a number if it never does."""
    times, strengths = curves
    out = np.full(levels.size, np.nan)
    for i, level in enumerate(levels):
        above = np.flatnonzero(strengths[:, i] >= level)
        if above.size and above[0] > 0:
            last, first = above[0] - 1, above[0]
            part = (level - strengths[last, i]) / (strengths[first, i] - strengths[last, i])
            out[i] = times[last] + part * (times[first] - times[last])
    return out


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    problem = balanced_problem(COUNTS, THRESHOLD, 1, "free")
    forecast = pen.forecast(COUNTS, problem=problem)
    rate, steps, start = 0.2, 8000, 1e-3
    times, followed = model_curves(start, seed, rate, steps)
    curve = forecast.timeline(lr=rate, steps=steps - 1, start=start, points=steps)
    strength = forecast.solution.strength
    off = float(np.abs(followed - curve.strength).max(axis=0)[strength > 0].max() / strength.max())
    claims = [
        Claim(
            "model, balanced start: strengths follow their logistic curves",
            "the same curves",
            f"{off:.1e} of the largest strength apart, at any step",
            off,
            2 * rate * float(strength[0]) / COUNTS.samples,
            "one explicit step at the fastest rate, 2 s_1 η/N",
        ),
        _random_claim(quick, seed, rate, steps),
    ]
    recipes = _recipes(quick, seed)
    real = [network_curves(recipe, 40 if quick else 70) for recipe in recipes]
    claims += _network_claims(real)
    facts = {
        "counts": COUNTS.values,
        "model": {"time": times[::40], "measured": followed[::40], "predicted": curve.strength[::40]},
        "networks": [{"time": c[0], "strength": c[1], "sigma": sigma} for c, sigma in real],
    }
    return Study(claims, _figures(times, followed, curve.strength, real), facts)


def _random_claim(quick: bool, seed: int, rate: float, steps: int) -> Claim:
    strength = pen.forecast(COUNTS, problem=balanced_problem(COUNTS, THRESHOLD, 1, "free")).solution.strength
    living = strength > 0
    ratios = []
    for start in range(seed, seed + (3 if quick else 20)):
        curves = model_curves(None, start, rate, 2 * steps)
        rise = crossing(curves, 0.75 * strength) - crossing(curves, 0.25 * strength)
        ratios.append((rise * strength / (COUNTS.samples * np.log(3)))[living])
    found = np.array(ratios)
    return Claim(
        "model, random start: a direction takes N ln 3/s_i from a quarter to three quarters",
        "ratio 1",
        f"median {np.nanmedian(found):.3f}, between {np.nanmin(found):.2f} and {np.nanmax(found):.2f}",
        float(np.abs(np.nanmedian(found, axis=0) - 1).max()),
        *TENTH,
    )


def _recipes(quick: bool, seed: int) -> list[Recipe]:
    small = {"data": "digits", "ratio": 20.0, "epochs": 75} if quick else {"epochs": 10}
    return [Recipe(5e-4, start, **small) for start in range(seed, seed + (1 if quick else 3))]


def _network_claims(real: list[tuple[Curves, np.ndarray]]) -> list[Claim]:
    orders, slopes = [], []
    for curves, sigma in real:
        half = crossing(curves, 0.5 * sigma)
        known = np.isfinite(half)
        told = np.unique(sigma[known]).size > 1 and np.unique(half[known]).size > 1
        orders.append(float(spearmanr(sigma[known], -half[known]).statistic) if told else float("nan"))
        slopes.append(float(np.polyfit(np.log(sigma[known]), np.log(half[known]), 1)[0]) if told else float("nan"))
    spread = max(slopes) - min(slopes)
    return [
        Claim(
            "real network: directions reach half their σ in the order of σ",
            "rank correlation 1",
            ", ".join(shown(order, ".2f") for order in orders),
            1 - float(np.mean(orders)),
            *TENTH,
        ),
        Claim(
            "real network: the time to half of σ goes as 1/σ",
            "exponent −1, a little less with log(s/x_0)",
            ", ".join(shown(slope, ".2f") for slope in slopes),
            abs(float(np.mean(slopes)) + 1),
            max(spread, 0.1),
            "spread of the seeds, at least a tenth",
        ),
    ]


def _figures(
    times: np.ndarray, followed: np.ndarray, predicted: np.ndarray, real: list[tuple[Curves, np.ndarray]]
) -> dict[str, alt.LayerChart]:
    direction = charts.ordinal_colour("direction", "direction")
    x, y = charts.axis("time", "time"), charts.axis("strength", "strength")
    rows = [
        {"time": float(times[step]), "strength": float(values[step, i]), "direction": i + 1, "what": what}
        for what, values in (("predicted", predicted), ("model", followed))
        for step in range(0, times.size, 100)
        for i in range(values.shape[1])
    ]
    curve = charts.lines([row for row in rows if row["what"] == "predicted"], x, y, direction)
    dots = charts.points([row for row in rows if row["what"] == "model"], x, y, direction, size=14)
    model = charts.chart(
        "The model follows its logistic curves",
        ["Lines: predicted. Points: explicit steps on the model. The last direction lies below the threshold"],
        curve,
        dots,
    )
    (clock, strengths), sigma = real[0]
    early = [
        {"time": float(clock[look]), "share": float(strengths[look, i] / sigma[i]), "direction": i + 1}
        for look in range(clock.size)
        for i in range(sigma.size)
    ]
    network = charts.chart(
        "A real network learns the head first",
        ["T_ii over σ_i in the first ten epochs of a multilayer perceptron; time is the sum of η/(1 − β)"],
        charts.lines(
            early,
            charts.axis("time", "time", log=True),
            charts.axis("share", "share of σ", domain=(-0.1, 1.1)),
            direction,
        ),
    )
    return {"model": model, "network": network}


if __name__ == "__main__":
    main("timeline", study)
