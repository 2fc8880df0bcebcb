"""What drawing classes evenly does to the geometry: forecast from a plain run, against a run.

Training draws class k with probability 1/K instead of n_k/N. The data term then weighs class k as N/K samples,
whatever n_k is. What it does to the price of features is not said, and there are two answers.

*Draws count.* What the layers below pay, they pay for each draw. Then training sees a balanced set of N samples with
the same λ_H: σ = √(N/K) for all K − 1 directions, a simplex, and each class's own logit gains

    z = (1 − 1/K) (1 − θ/σ),        θ = N √(λ_H λ_1) as before.

*Samples count.* Each of the n_k features is a free variable, paid for once. With ω_k = N/(K n_k) the data weigh ω_k
n_k and the decay n_k: rare classes have features at a lower price. No closed form is known, but the problem has K (2d
+ 1) unknowns.

Both use one number from a plain run at the same weight decay: λ_H by strengths, law of one layer. Measured are the
gains of own logits over training samples (`LastLayer.lift`), how far T, PPᵀ and QᵀQ are from multiples of one on the
K − 1 directions, and recall.
"""

from collections.abc import Sequence

import altair as alt
import numpy as np
from scipy.optimize import minimize

import penultimate as pen
from studies import charts
from studies.law import Record, by_strengths
from studies.results import TENTH, Claim, Study, main, markdown, shown
from studies.training import Recipe, run_all

_SHARES = ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share")


def recipes(quick: bool, seed: int) -> list[Recipe]:
    """Plain and evenly drawn runs, in pairs."""
    small = {"data": "digits", "ratio": 20.0, "epochs": 100} if quick else {}
    decays, seeds = ((2e-3,), 1) if quick else ((4e-3, 1.6e-2), 3)
    return [
        Recipe(decay, start, sampling=sampling, **small)
        for decay in decays
        for start in range(seed, seed + seeds)
        for sampling in ("plain", "balanced")
    ]


def draws_count(record: Record, classes: int) -> float:
    """Gain of every own logit if draws count; zero if the threshold is above σ; not a number without calibration."""
    law, sigma = by_strengths(record, 1), np.sqrt(record["samples"] / classes)
    if law is None:
        return float("nan")
    return (1 - 1 / classes) * max(0.0, 1 - law.shrinkage(law.decay).threshold / sigma)


def samples_count(record: Record, counts: pen.ClassCounts) -> np.ndarray:
    """Gain of each class's own logit if samples count, by L-BFGS on W, class means and bias; NaN as above."""
    law, decay, K = by_strengths(record, 1), record["recipe"]["weight_decay"], counts.classes
    if law is None:
        return np.full(K, np.nan)
    price = counts.values * law.kappa**2 / decay  # n_k λ_H

    def split(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return flat[: K * K].reshape(K, K), flat[K * K : 2 * K * K].reshape(K, K), flat[2 * K * K :]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight, means, bias = split(flat)
        residual = (means @ weight.T + bias - np.eye(K)) / K
        value = 0.5 * K * np.sum(residual**2) + 0.5 * decay * np.sum(weight**2) + 0.5 * price @ np.sum(means**2, axis=1)
        slopes = residual.T @ means + decay * weight, residual @ weight + price[:, None] * means, residual.sum(axis=0)
        return float(value), np.concatenate([slope.ravel() for slope in slopes])

    # The start is balanced: rows of features as much larger than those of W as their price is lower.
    rng = np.random.default_rng(0)
    start = 0.1 * rng.standard_normal(2 * K * K + K)
    start[K * K : 2 * K * K] *= np.sqrt(decay / price.mean())
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15}
    )
    weight, means, _ = split(found.x)
    # Lift is over the mean of the draws, as in the measurement.
    return np.einsum("kd,kd->k", weight, means - means.mean(axis=0))


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    wanted = recipes(quick, seed)
    counts = wanted[0].load().counts
    records = run_all(wanted)
    pairs = list(zip(records[::2], records[1::2], strict=True))
    decays = sorted({plain["recipe"]["weight_decay"] for plain, _ in pairs})
    by_decay = {d: [pair for pair in pairs if pair[0]["recipe"]["weight_decay"] == d] for d in decays}
    found = {d: _compare(some, counts) for d, some in by_decay.items()}
    claims = [claim for d in decays for claim in _claims(d, found[d])]
    return Study(
        claims, _figures(found, counts), {f"{d:g}": found[d] for d in decays}, {"recall": _table(found, counts)}
    )


def _compare(pairs: Sequence[tuple[Record, Record]], counts: pen.ClassCounts) -> dict[str, np.ndarray]:
    """Means over seeds of forecasts and measurements at one weight decay."""
    even = [balanced for _, balanced in pairs]
    # A network whose last layer is zero to the last bit has no gains and no geometry.
    plain_lift = [_numbers(plain, ("lift",), counts.classes) for plain, _ in pairs]
    even_lift = [_numbers(record, ("lift",), counts.classes) for record in even]
    return {
        "draws": np.full(counts.classes, np.mean([draws_count(plain, counts.classes) for plain, _ in pairs])),
        "samples": np.mean([samples_count(plain, counts) for plain, _ in pairs], axis=0),
        "measured": np.mean(even_lift, axis=0),
        "spread": np.ptp(even_lift, axis=0),
        "plain": np.mean(plain_lift, axis=0),
        "off": np.mean([_numbers(record, _SHARES, len(_SHARES)) for record in even], axis=0),
        "test_plain": np.mean([plain["test_recall"] for plain, _ in pairs], axis=0),
        "test_even": np.mean([record["test_recall"] for record in even], axis=0),
        "train_plain": np.mean([plain["recall"] for plain, _ in pairs], axis=0),
        "train_even": np.mean([record["recall"] for record in even], axis=0),
    }


def _numbers(record: Record, names: Sequence[str], size: int) -> np.ndarray:
    return np.full(size, np.nan) if record["collapsed"] else np.hstack([record[name] for name in names]).astype(float)


def _claims(decay: float, found: dict[str, np.ndarray]) -> list[Claim]:
    at = f"λ = {decay:g}"
    claims = []
    for key, name in (("draws", "draws count"), ("samples", "samples count")):
        apart = float(np.mean(np.abs(found["measured"] - found[key])))
        claims.append(
            Claim(
                f"{at}: gains of own logits, if {name}",
                f"{shown(found[key][0], '.2f')} (largest class) … {shown(found[key][-1], '.2f')} (smallest)",
                f"{shown(found['measured'][0], '.2f')} … {shown(found['measured'][-1], '.2f')}; "
                f"mean distance {shown(apart, '.2f')}",
                apart,
                *TENTH,
            )
        )
    names = ("T", "PPᵀ", "QᵀQ")
    worst = float(found["off"].max())
    claims.append(
        Claim(
            f"{at}: the geometry is a simplex: T, PPᵀ, QᵀQ are multiples of one",
            "nothing off",
            ", ".join(f"{name} {shown(off, '.0%')}" for name, off in zip(names, found["off"], strict=True)),
            worst,
            *TENTH,
        )
    )
    tail = found["train_even"][-3:].min()
    claims.append(
        Claim(
            f"{at}: no class is lost: recall of the three rarest classes in training",
            "above a half",
            f"least {tail:.2f}, plain {found['train_plain'][-3:].min():.2f}",
            1 - float(tail),
            0.5,
            "half",
        )
    )
    return claims


def _table(found: dict[float, dict[str, np.ndarray]], counts: pen.ClassCounts) -> str:
    """Test recall by class, plain and evenly drawn."""
    head = ("weight decay, sampling", *(f"n = {int(n):,}" for n in counts.values), "mean")
    rows = [
        (f"{decay:g}, {name}", *(f"{value:.2f}" for value in some[key]), f"{some[key].mean():.3f}")
        for decay, some in found.items()
        for key, name in (("test_plain", "plain"), ("test_even", "even"))
    ]
    return markdown(head, rows)


def _figures(found: dict[float, dict[str, np.ndarray]], counts: pen.ClassCounts) -> dict[str, alt.VConcatChart]:
    names = {
        "measured": "even draws, measured",
        "draws": "forecast: draws count",
        "samples": "forecast: samples count",
        "plain": "plain, measured",
    }
    legend = charts.colour("what", "", list(names.values()))
    x = charts.axis("count", "samples of the class", log=True)
    y = charts.axis("gain", "gain of own logit", domain=(-0.05, 1.0))
    parts = []
    for decay, some in found.items():
        rows = [
            {"count": float(n), "gain": float(some[key][k]), "what": name}
            for key, name in names.items()
            for k, n in enumerate(counts.values)
            if np.isfinite(some[key][k])
        ]
        layers = charts.lines(rows, x, y, legend), charts.points(rows, x, y, legend)
        parts.append(alt.layer(*layers).properties(width=charts.WIDTH, height=150, title=f"λ = {decay:g}"))
    whole = alt.vconcat(*parts)
    title = "What drawing classes evenly does"
    return {
        "gains": charts.titled(
            whole, title, ["Mean over seeds; forecasts use one number of the plain run at the same decay"]
        )
    }


if __name__ == "__main__":
    main("sampling", study)
