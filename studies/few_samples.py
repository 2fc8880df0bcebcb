"""Which discriminant from few samples a class? Held-out features of the seven networks, and of frozen encoders.

Samples are drawn from one half of what a network or encoder was not trained on, and heads are judged on the other half.
Networks are those of `benchmarks.long_tail`, trained with cross-entropy; encoders those of `studies.frozen`. Beside
them the model that the spiked discriminant is made for (`studies.few_samples_model`).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import altair as alt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import recall_score

import penultimate as pen
from benchmarks.long_tail import DECAY, SETTINGS
from studies import few_samples_model, frozen
from studies.results import Claim, Study, main, markdown
from studies.training import Network, Recipe, features, run_all

# Most and fewest samples of a class, in geometric steps between.
PROFILES = ((5, 5), (10, 10), (30, 3), (30, 2), (150, 3))
DRAWS, SEEDS = 8, 2
# Held-out samples that a class needs to be drawn from.
_FEWEST = 6
OURS, BEFORE, PEER = "default", "before", "LDA auto"
HEADS = {
    OURS: pen.heads.DiscriminantHead(),
    "corrected": pen.heads.DiscriminantHead(means="corrected"),
    "nearest mean": pen.heads.NearestMeanHead(),
    BEFORE: pen.heads.DiscriminantHead("auto", means="plain"),
}
_POINT = "asked for: one point"


class Row(NamedTuple):
    """One set with one profile of counts: accuracies of every draw, in points.

    Attributes
    ----------
    data, profile : str
    balanced, rarest : dict of str to list of float
        By head; the second of the rarest third of the classes.
    """

    data: str
    profile: str
    balanced: dict[str, list[float]]
    rarest: dict[str, list[float]]

    def gain(self, over: str) -> tuple[float, float]:
        """Of the default head, and its standard error."""
        paired = np.subtract(self.balanced[OURS], self.balanced[over])
        return float(paired.mean()), float(paired.std(ddof=1) / np.sqrt(len(paired)))


def judged(rows: np.ndarray, labels: np.ndarray, seeds: range) -> list[Row]:
    """Heads of every profile, fitted to draws from one half of the samples and judged on the other."""
    rows = rows.astype(np.float64)
    frequent = np.flatnonzero(np.bincount(labels) >= _FEWEST)
    kept = np.isin(labels, frequent)
    rows, labels = rows[kept], np.searchsorted(frequent, labels[kept])
    found: list[Row] = []
    for most, fewest in PROFILES:
        balanced: dict[str, list[float]] = {}
        rarest: dict[str, list[float]] = {}
        for seed in seeds:
            for name, (all_classes, tail) in _draw(rows, labels, (most, fewest), np.random.default_rng(seed)).items():
                balanced.setdefault(name, []).append(all_classes)
                rarest.setdefault(name, []).append(tail)
        found.append(Row("", f"{most} … {fewest}", balanced, rarest))
    return found


def _draw(
    rows: np.ndarray, labels: np.ndarray, profile: tuple[int, int], rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Balanced accuracy of every head, and that of the rarest third, for one draw."""
    classes = int(labels.max()) + 1
    wanted = rng.permutation(np.rint(np.geomspace(*profile, classes)).astype(int))
    order = rng.permutation(len(labels))
    places = [order[labels[order] == k] for k in range(classes)]
    drawn = [place[: min(number, len(place) // 2)] for place, number in zip(places, wanted, strict=True)]
    own = np.concatenate(drawn)
    judges = np.concatenate([place[len(place) // 2 :] for place in places])
    tail = np.argsort([len(one) for one in drawn], kind="stable")[: max(classes // 3, 1)]
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(classes, 1 / classes))
    found: dict[str, tuple[float, float]] = {}
    for name, head in {**HEADS, PEER: peer}.items():
        answers = head.fit(rows[own], labels[own]).predict(rows[judges])
        recall = 100 * recall_score(labels[judges], answers, average=None)
        found[name] = float(recall.mean()), float(recall[tail].mean())
    return found


def of_network(recipe: Recipe, network: Network, draws: int) -> dict[str, Any]:
    """The same on the test features of one network."""
    data = recipe.load()
    start = draws * recipe.seed
    return {"rows": judged(features(network, data.test_inputs), data.test_labels.numpy(), range(start, start + draws))}


def networks(quick: bool, seed: int) -> Iterator[Row]:
    """Rows of the seven networks, draws of all seeds together."""
    small = "digits 20:1, MLP"
    chosen = {small: {**SETTINGS[small], "epochs": 20}} if quick else SETTINGS
    wanted = {
        (name, one): Recipe(DECAY, one, loss="ce", **recipe)
        for name, recipe in chosen.items()
        for one in range(seed, seed + SEEDS)
    }
    measure = partial(of_network, draws=DRAWS // SEEDS)
    records = dict(zip(wanted, run_all(list(wanted.values()), measure, "few-samples-"), strict=True))
    for name in chosen:
        parts = [[Row(*one) for one in records[name, other]["rows"]] for other in range(seed, seed + SEEDS)]
        for same in zip(*parts, strict=True):
            together = [
                {head: [value for part in same for value in getattr(part, field)[head]] for head in same[0].balanced}
                for field in ("balanced", "rarest")
            ]
            yield Row(name, same[0].profile, *together)


def encoders(quick: bool, seed: int) -> Iterator[Row]:
    """Rows of every frozen encoder that is installed."""
    for name in ("digits, pixels",) if quick else frozen.SETS:
        held = frozen.load(name)
        if held is None:
            print(f"{name}: its package is not installed; left out")
            continue
        for row in judged(held.rows, held.labels, range(seed, seed + DRAWS)):
            yield row._replace(data=name)


def _claims(found: list[Row], where: str) -> Iterator[Claim]:
    for over, said in ((PEER, "scikit-learn's LDA with shrinkage='auto'"), (BEFORE, "the oracle's shrinkage")):
        gains = [row.gain(over) for row in found]
        mean = float(np.mean([gain for gain, _ in gains]))
        yield Claim(
            f"{where}: the default gains over {said}", "1 point or more", f"{mean:+.1f}", 1.0 - mean, 0.0, _POINT
        )
        below = [row for row, (gain, error) in zip(found, gains, strict=True) if gain < -error]
        worst = min(gains)
        yield Claim(
            f"{where}: and is below it by more than a standard error",
            "never",
            f"{len(below)} of {len(found)}, lowest {worst[0]:+.1f} ± {worst[1]:.1f}",
            float(len(below)),
            0.0,
            "asked for",
        )


def _table(found: list[Row], column: str) -> str:
    names = list(dict.fromkeys(getattr(row, column) for row in found))
    order = (PEER, BEFORE, "nearest mean", "corrected", OURS)
    lines: list[tuple[str, ...]] = []
    for name in names:
        rows = [row for row in found if getattr(row, column) == name]
        means = [
            [float(np.mean([np.mean(getattr(row, field)[head]) for row in rows])) for field in ("balanced", "rarest")]
            for head in order
        ]
        lines.append((name, *(f"{one:.1f} / {tail:.1f}" for one, tail in means)))
    return markdown(("set" if column == "data" else "samples of a class", *order), lines)


def _chart(found: list[Row]) -> alt.LayerChart:
    rows = [{"data": row.data, "over": over, "gain": row.gain(over)[0]} for row in found for over in (PEER, BEFORE)]
    dots = alt.Chart(alt.Data(values=rows)).mark_circle(size=60, opacity=0.8)
    colour = alt.Color("over:N", title="over", scale=alt.Scale(range=["#1f6fb4", "#dd9416"]))
    x = alt.X("gain:Q", title="gain in balanced accuracy, points")
    chart = alt.LayerChart(layer=[dots.encode(x=x, y=alt.Y("data:N", title=None), color=colour)], width=440, height=260)
    return chart.properties(title="The default discriminant, from few samples a class")


def study(quick: bool = False, seed: int = 0) -> Study:
    """Heads of all sets and profiles."""
    of_networks, of_encoders = list(networks(quick, seed)), list(encoders(quick, seed))
    found = of_networks + of_encoders
    claims, tables, facts = few_samples_model.reproduced(quick, seed)
    claims = [*_claims(of_networks, "networks"), *_claims(of_encoders, "encoders"), *claims]
    tables |= {"sets": _table(found, "data"), "counts": _table(found, "profile")}
    return Study(claims, {"gains": _chart(found)}, {"rows": [row._asdict() for row in found], **facts}, tables)


if __name__ == "__main__":
    main("few_samples", study)
