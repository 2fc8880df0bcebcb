"""Findings 1 to 4: does plain descent on the model itself end where the closed form says?

Descent knows nothing of singular values: it starts from independent normal entries in W_1 … W_L and H and follows the
gradient. All decays are equal, λ_H too, which only chooses the units of features; the threshold is put between two
singular values, so that some directions should live and others die. Of every end point it is asked: have features
collapsed to class means (finding 1)? Are the rows of P = Uᵀ W_L⋯W_1 and the columns of Q = (H̄ − h_G 1ᵀ)DV
orthogonal, and are the right ones zero (findings 2, 3)? Are row i and column i parallel (finding 4)? Is the objective
that of the closed form, and never below it? With two or more layers, also: how often does descent end elsewhere, and
where?
"""

import altair as alt
import numpy as np

import penultimate as pen
from penultimate.minimisers.shrinkage import Shrinkage
from studies import charts
from studies.descent import Adam, GradientDescent, Model, Point, steady_rate
from studies.results import Claim, Study, main, shown
from studies.settling import LAYERS, ZERO, Case, End, barrier, cases, off_the_list, profiles, settle

METHODS = ("gradient descent", "Adam", "SGD")


def collapse(layers: int, method: str, seed: int, steps: int) -> tuple[np.ndarray, float]:
    """Scatter within classes over that of the start, at every step, one feature a sample; and λ_H times the rate."""
    counts = pen.ClassCounts([24, 12, 6, 3])
    problem = Case("exponential", counts, layers, "free", 0.3).problem
    model = Model.per_sample(counts, problem)
    at, rng = model.start(2.0, 1, seed), np.random.default_rng(seed)
    rate = steady_rate(model)
    stepper = {"gradient descent": GradientDescent(rate), "Adam": Adam(0.02), "SGD": None}[method]
    spread, same = np.empty(steps), model.labels[:, None] == model.labels
    within = np.eye(model.labels.size) - same / same.sum(axis=1)  # from features to their distances from class means
    for step in range(steps):
        spread[step] = np.sum((within @ at.features[0]) ** 2)
        if stepper is not None:
            stepper.step(at, model.gradient(at))
        else:
            _stochastic_step(model, at, rate / (1 + step / 500), rng)
    return spread / spread[0], rate * model.feature_decay


def _stochastic_step(model: Model, at: Point, rate: float, rng: np.random.Generator, batch: int = 9) -> None:
    """Follow the gradient of a few samples, weighted so that it is right on average."""
    chosen = rng.choice(model.labels.size, batch, replace=False)
    weight = model.labels.size / batch
    part = Model(model.problem, model.samples, model.labels[chosen], np.full(batch, weight), model.classes)
    gradient = part.gradient(Point(at.weights, at.features[:, chosen], at.bias))
    for weights, slope in zip(at.weights, gradient.weights, strict=True):
        weights -= rate * slope
    at.features[:, chosen] -= rate * weight * gradient.features
    at.bias -= rate * gradient.bias


def same_path(layers: int, seed: int, steps: int) -> float:
    """How far class means drift, at the worst, from features that started together, one a sample; relative."""
    counts = pen.ClassCounts([24, 12, 6, 3])
    problem = Case("exponential", counts, layers, "free", 0.3).problem
    means, samples = Model.of_means(counts, problem), Model.per_sample(counts, problem)
    one = means.start(0.3, 1, seed)
    every = Point([w.copy() for w in one.weights], one.features[:, samples.labels].copy(), one.bias.copy())
    steppers = GradientDescent(steady_rate(means), 0.9), GradientDescent(steady_rate(means), 0.9)
    worst = 0.0
    for _ in range(steps):
        steppers[0].step(one, means.gradient(one))
        steppers[1].step(every, samples.gradient(every))
        difference = np.abs(every.features - one.features[:, samples.labels]).max()
        worst = max(worst, float(difference / np.abs(one.features).max()))
    return worst


def _collapse_claims(curves: dict[tuple[int, str], tuple[np.ndarray, float]], seed: int) -> list[Claim]:
    """Finding 1."""
    claims = [
        Claim(
            f"features of a class that start together stay together (L = {layers}): class means stand for all samples",
            "no difference, at any step",
            f"{(drift := same_path(layers, seed, 1000)):.1e} of the largest feature",
            drift,
            1e-10,
            "rounding",
        )
        for layers in LAYERS
    ]
    for layers in LAYERS:
        spread, slow = curves[layers, "gradient descent"]
        # Late, when only what no layer sees is left, and before rounding.
        late = np.flatnonzero((spread < 1e-6) & (spread > 1e-20))
        steps = int(np.ptp(late)) if late.size else 0
        measured = float(np.log(spread[late[-1]] / spread[late[0]]) / steps) if steps else float("nan")
        predicted = float(2 * np.log1p(-slow))
        claims.append(
            Claim(
                f"finding 1: features that start apart collapse to class means (L = {layers}), at the rate of λ_H",
                f"e^({predicted:.2e}) a step",
                f"e^({shown(measured, '.2e')}) a step",
                abs(measured / predicted - 1),
                0.01,
                "a late rate, read from a finite run",
            )
        )
    for method in ("Adam", "SGD"):
        left = max(float(curves[layers, method][0][-1]) for layers in LAYERS)
        claims.append(
            Claim(
                f"finding 1 under {method}",
                "scatter within classes vanishes",
                f"{left:.1e} of it is left at the worst",
                left,
                0.01,
                "convention: a hundredth",
            )
        )
    return claims


def _end_claims(ends: list[End]) -> list[Claim]:
    """Findings 2 to 4, and the objective."""
    excess = np.concatenate([end.excess for end in ends])
    claims = [
        Claim(
            f"no end point lies below the closed form ({excess.size:,} starts)",
            "excess at least 0",
            f"least {excess.min():.1e} of the objective",
            max(0.0, -float(excess.min())),
            1e-12,
            "rounding",
        )
    ]
    for layers in LAYERS:
        some = np.concatenate([end.reached for end in ends if end.case.layers == layers])
        claims.append(
            Claim(
                f"every start reaches the closed form, L = {layers}"
                + (" (no other minimum exists)" if layers == 1 else " (not promised: zero is a local minimum)"),
                "100 %",
                f"{some.mean():.1%} of {some.size:,}",
                1 - float(some.mean()),
                0.0,
                "none may fail",
            )
        )
    bound = max(end.bound for end in ends)
    claims.append(
        Claim(
            "findings 2, 3, one layer: T is within √(2N · excess objective) of diag x",
            "ratio at most 1",
            f"largest {bound:.2f}, on the way",
            bound,
            1.0 + 1e-6,
            "strong convexity, and rounding",
        )
    )
    there = [end for end in ends if end.reached.any()]
    none = float("nan")  # where no start reached the closed form
    wrong = sum(int(np.sum(end.living[end.reached] != end.case.survivors)) for end in there)
    strengths = max((end.strength_error for end in there), default=none)
    reached = [end.alignments[i] for end in there for i in np.flatnonzero(end.reached)]
    shares = max((max(a.head_off_diagonal_share, a.means_off_diagonal_share) for a in reached), default=none)
    living = [cosine for a in reached for cosine in a.cosine[a.strength > ZERO * a.sigma].tolist()]
    cosine = min(living, default=none)
    rest = np.concatenate([end.settled for end in ends])
    elsewhere = max(off_the_list(end) for end in ends)
    return [
        *claims,
        Claim(
            f"finding 3: rows are zero exactly for σ below the threshold ({len(reached):,} starts that reached it)",
            "0 wrong",
            f"{wrong} wrong",
            wrong,
            0,
            "none may fail",
        ),
        Claim(
            "finding 2: strengths are those of the closed form",
            "no difference",
            f"{shown(strengths, '.1e')} σ_1",
            strengths,
            1e-4,
            "√(2N · 1e-9 objective), about",
        ),
        Claim(
            "finding 3: rows of P, and columns of Q, are orthogonal",
            "PPᵀ, QᵀQ diagonal",
            f"{shown(shares, '.1e')} of them off the diagonal at the worst",
            shares,
            1e-3,
            "convention: a thousandth",
        ),
        Claim(
            "finding 4: row i of P is parallel to column i of Q",
            "cosine 1",
            f"1 − {shown(1 - cosine, '.1e')}",
            1 - cosine,
            1e-6,
            "the square of a thousandth",
        ),
        Claim(
            f"where descent rests ({rest.sum():,} of {rest.size:,} starts), directions are dead or at their root",
            "no difference",
            f"{elsewhere:.1e} σ_1",
            elsewhere,
            1e-3,
            "convention: a thousandth",
        ),
    ]


def _barrier_claims(barriers: dict[int, tuple[np.ndarray, np.ndarray]]) -> list[Claim]:
    claims = []
    for layers, (predicted, measured) in barriers.items():
        worst = float(np.abs(measured / predicted - 1).max())
        claims.append(
            Claim(
                f"L = {layers}: an aligned start survives above the smaller root (the barrier)",
                ", ".join(f"{value:.3g}" for value in predicted),
                ", ".join(f"{value:.3g}" for value in measured),
                worst,
                1e-3,
                "14 bisections over three powers of ten",
            )
        )
    return claims


def _figures(ends: list[End], curves: dict[tuple[int, str], tuple[np.ndarray, float]]) -> dict[str, alt.LayerChart]:
    names = [f"L = {layers}" for layers in LAYERS]
    legend = charts.colour("layers", "layers", names)
    scatter = [
        {"layers": f"L = {layers}", "method": method, "step": step + 1, "scatter": max(float(spread[step]), 1e-18)}
        for (layers, method), (spread, _) in curves.items()
        for step in np.unique(np.geomspace(1, spread.size, 150).astype(int) - 1).tolist()
        if spread[step] > 1e-18
    ]
    dashes = alt.StrokeDash("method:N", legend=alt.Legend(title="method"))
    collapse_chart = charts.chart(
        "Finding 1: features collapse to class means",
        ["Scatter within classes over that of the start; counts 24, 12, 6, 3; one feature a sample"],
        charts.lines(
            scatter, charts.axis("step", "step", log=True), charts.axis("scatter", "scatter", log=True), legend
        ).encode(strokeDash=dashes),
    )
    path = [
        {
            "layers": f"L = {end.case.layers}",
            "step": look["step"],
            "value": max(look["off_diagonal"], 1e-8),
            "case": str(i),
        }
        for i, end in enumerate(ends)
        if end.reached.mean() > 0.5
        for look in end.path
    ]
    path_chart = charts.chart(
        "Findings 3 and 4: rows of P and columns of Q become orthogonal",
        ["Larger off-diagonal share of the two Gram matrices, median over starts; a line a problem; 1e-8 is rounding"],
        charts.lines(
            path,
            charts.axis("step", "step", log=True),
            charts.axis("value", "off the diagonal", log=True),
            legend,
            detail="case",
            opacity=0.5,
            strokeWidth=1,
        ),
    )
    return {
        "collapse": collapse_chart,
        "strengths": _strength_chart(ends, legend),
        "orthogonal": path_chart,
        "starts": _starts_chart(ends),
    }


def _strength_chart(ends: list[End], legend: alt.Color) -> alt.LayerChart:
    dots, laws = [], []
    for layers in LAYERS:
        some = [end for end in ends if end.case.layers == layers and end.reached.any()]
        pairs = {
            (round(sigma / (theta := end.case.threshold), 3), round(strength / theta, 3))
            for end in some
            for sigma, strength in zip(end.case.sigma, end.singular[end.reached].mean(axis=0), strict=True)
        }
        dots += [{"layers": f"L = {layers}", "sigma": sigma, "strength": strength} for sigma, strength in pairs]
        unit = Shrinkage(1.0, 1.0, layers)
        grid = np.append(np.linspace(0.05, 0.9999, 60), np.geomspace(1.0001, 3.2, 90))
        law = unit.strength(grid * unit.threshold) / unit.threshold
        laws += [
            {"layers": f"L = {layers}", "sigma": x, "strength": y}
            for x, y in zip(grid.tolist(), law.tolist(), strict=True)
        ]
    x = charts.axis("sigma", "σ over the threshold", domain=(0, 3))
    y = charts.axis("strength", "strength over the threshold", domain=(-0.05, 3))
    return charts.chart(
        "Findings 2 and 3: which directions live, and how strong",
        ["Lines: closed form. Points: descent, every problem of the study, starts that reached its objective"],
        charts.lines(laws, x, y, legend),
        charts.points([row for row in dots if row["sigma"] < 3], x, y, legend),
    )


def _starts_chart(ends: list[End]) -> alt.LayerChart:
    rows = []
    for layers in LAYERS:
        for scale in sorted({end.case.scale for end in ends}):
            some = [end for end in ends if (end.case.layers, end.case.scale) == (layers, scale)]
            total = sum(end.excess.size for end in some)
            reached = sum(int(end.reached.sum()) for end in some)
            fewer = sum(int(np.sum(~end.reached & (end.living < end.case.survivors))) for end in some)
            kinds = {"reached": reached, "too few live": fewer, "too many, or others": total - reached - fewer}
            rows += [
                {"where": f"L = {layers}, scale {scale:g}", "end": kind, "share": count / total}
                for kind, count in kinds.items()
            ]
    kinds = ["reached", "too few live", "too many, or others"]
    bars = (
        alt.Chart(charts.inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of starts", stack=True),
            y=alt.Y("where:N", title=None),
            color=charts.colour("end", "end point", kinds),
            order=alt.Order("end:N"),
        )
    )
    return charts.chart(
        "Where descent ends", ["All profiles, K and biases; scale is that of the start"], bars, height=170
    )


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    starts, steps, collapsing, rising = (4, 3000, 6000, 500) if quick else (8, 6000, 12_000, 2000)
    ends = [settle(case, starts, seed, steps) for case in cases(quick)]
    curves = {(layers, method): collapse(layers, method, seed, collapsing) for layers in LAYERS for method in METHODS}
    tailed = profiles(10)["exponential"]
    barriers = {layers: barrier(Case("exponential", tailed, layers, "free", 0.0), rising) for layers in (2, 3)}
    claims = [*_collapse_claims(curves, seed), *_end_claims(ends), *_barrier_claims(barriers)]
    facts = [
        {
            **{"profile": end.case.profile, "classes": end.case.counts.classes, "layers": end.case.layers},
            **{"bias": end.case.bias, "scale": end.case.scale, "reached": float(end.reached.mean())},
            "worst_excess": float(end.excess.max()),
        }
        for end in ends
    ]
    return Study(claims, _figures(ends, curves), {"starts_per_problem": starts, "steps": steps, "problems": facts})


if __name__ == "__main__":
    main("model", study)
