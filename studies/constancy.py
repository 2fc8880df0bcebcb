"""Is the feature decay of a network a constant, and where does the law break?

One thing at a time is changed about the multilayer perceptron of `studies.sweep` (784-256-64-10, 50 epochs, SGD):
training length, depth and widths below the features, batch-norm, activation, optimiser, imbalance, data, loss. Each
variant is trained at two weight decays that are a factor of eight apart (how far seeds differ is seen in the sweep).
λ_H is read off the strengths by the law of one layer. If it were the network's own constant, both decays would give
the same one; and if it were a constant of the data alone, all variants would.
"""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from studies import charts
from studies.law import Record, by_strengths, score, strengths, well_learnt
from studies.results import Claim, Study, main, markdown, shown
from studies.training import Recipe, run_all

DECAYS = (2e-3, 1.6e-2)
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "as in the sweep": {},
    "10 epochs": {"epochs": 10},
    "25 epochs": {"epochs": 25},
    "150 epochs": {"epochs": 150},
    "no hidden layer: 784-64-10": {"hidden": ()},
    "two hidden layers of 256": {"hidden": (256, 256)},
    "64 hidden units": {"hidden": (64,)},
    "512 hidden units": {"hidden": (512,)},
    "16 features": {"width": 16},
    "256 features": {"width": 256},
    "batch-norm": {"batch_norm": True},
    "leaky ReLU (features of both signs)": {"activation": "leaky"},
    "Adam": {"optimiser": "adam"},
    "imbalance 10:1": {"ratio": 10.0},
    "imbalance 1000:1": {"ratio": 1000.0},
    "CNN, 10 epochs": {"body": "cnn", "epochs": 10},
    "digits, 20:1, 1,500 epochs": {"data": "digits", "ratio": 20.0, "epochs": 1500},
    "cross-entropy": {"loss": "ce"},
}


def recipes(variant: Mapping[str, object], quick: bool, seed: int) -> list[Recipe]:
    """Both decays."""
    small = {"data": "digits", "ratio": 20.0, "epochs": 75} if quick else {}
    return [Recipe(decay, seed, **{**small, **variant}) for decay in DECAYS]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    names = ["as in the sweep", "64 hidden units", "batch-norm", "cross-entropy"] if quick else list(VARIANTS)
    wanted = {name: recipes(VARIANTS[name], quick, seed) for name in names}
    flat = iter(run_all([recipe for some in wanted.values() for recipe in some]))
    found = {name: [next(flat) for _ in some] for name, some in wanted.items()}
    decays = {name: feature_decays(records) for name, records in found.items()}
    facts = {name: _facts(records) for name, records in found.items()}
    return Study(_claims(decays), {"decay": _chart(decays)}, facts, {"variants": _table(decays, found)})


def feature_decays(records: Sequence[Record]) -> list[float]:
    """N λ_H that each run implies, which stays when N differs (docs/theory §1); not a number if it implies none."""
    laws = [by_strengths(record, 1) for record in records]
    return [float("nan") if law is None else law.samples * law.kappa**2 / law.decay for law in laws]


def _claims(decays: Mapping[str, list[float]]) -> list[Claim]:
    reference = decays["as in the sweep"]
    pairs = [
        (f"{name}: λ_H is the same at both weight decays", second / first) for name, (first, second) in decays.items()
    ]
    pairs += [
        (f"{name}: N λ_H is that of the reference (λ = {DECAYS[0]:g})", first / reference[0])
        for name, (first, _) in decays.items()
        if name != "as in the sweep" and np.isfinite(first)
    ]
    return [
        Claim(
            claim,
            "ratio 1",
            f"ratio {ratio:.2f}" if np.isfinite(ratio) else "cannot be read: too few directions follow the law",
            float(np.exp(abs(np.log(ratio)))),
            2.0,
            "a factor of two in where directions die",
        )
        for claim, ratio in pairs
    ]


def _table(decays: Mapping[str, list[float]], found: Mapping[str, Sequence[Record]]) -> str:
    columns = (*(f"N λ_H at {decay:g}" for decay in DECAYS), "ratio", "well learnt", "forecast of the other decay")
    rows = []
    for name, (first, second) in decays.items():
        one, other = found[name]
        laws = by_strengths(one, 1), by_strengths(other, 1)
        trials = [(law, record) for law, record in zip(laws, (other, one), strict=True) if law is not None]
        result = score(trials)
        rows.append(
            (
                name,
                *(shown(value, ".2g") for value in (first, second, second / first)),
                f"{well_learnt(one).sum()}, {well_learnt(other).sum()}",
                f"{result.right:.0%} right, {result.error:.1%} of σ" if result.cases else "–",
            )
        )
    return markdown(("variant", *columns), rows)


def _facts(records: Sequence[Record]) -> dict[str, object]:
    return {
        "sigma": records[0]["sigma"],
        "runs": [
            {
                "weight_decay": record["recipe"]["weight_decay"],
                "seed": record["recipe"]["seed"],
                "strength": strengths(record),
                "test_recall": record["test_recall"],
                "shares_off": None
                if record["collapsed"]
                else [record[f"{part}off_diagonal_share"] for part in ("", "head_", "means_")],
                "bias_error": record.get("bias_error"),
            }
            for record in records
        ],
    }


def _chart(decays: Mapping[str, list[float]]) -> alt.LayerChart:
    rows = [
        {"variant": name, "decay": f"λ = {decay:g}", "value": value}
        for name, some in decays.items()
        for decay, value in zip(DECAYS, some, strict=True)
        if np.isfinite(value)
    ]
    dots = alt.Chart(charts.inline(rows)).mark_point(filled=True, size=45, opacity=0.8)
    encoded = dots.encode(
        x=alt.X(**charts.axis("value", "N λ_H", log=True)),
        y=alt.Y("variant:N", title=None, sort=list(decays), axis=alt.Axis(labelLimit=280)),
        color=charts.colour("decay", "weight decay", [f"λ = {decay:g}" for decay in DECAYS]),
    )
    notes = ["Read off the strengths of each run alone, law of one layer"]
    return charts.chart("What the feature decay depends on", notes, encoded, height=24 * len(decays))


if __name__ == "__main__":
    main("constancy", study)
