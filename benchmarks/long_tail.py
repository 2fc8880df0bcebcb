"""Do the fixes help? Losses, heads and re-sampling against plain cross-entropy, on samples nothing was chosen with.

    python -m benchmarks.long_tail [--quick] [--seed N]

A network is trained with cross-entropy on each imbalanced set, and once more with each other loss, from the same
initial weights and the same order of samples. On the features of the first one, heads are tried that leave the network
as it is: all of `penultimate.heads`, and scikit-learn's logistic regression after imbalanced-learn's re-sampling. The
test samples are dealt into a small VALID, with which everything that has a setting chooses it, a larger one, which only
shows what more held-out samples are worth, and the rest, on which all are judged. Every figure is for balanced classes.

Everything is repeated with other seeds: of weights, order and the deal. Differences are taken seed by seed. Losses have
the settings of their names and are not tuned.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

import penultimate as pen
from benchmarks.long_tail_tables import claims, gains_chart, tables
from penultimate.advice.head import advise_head
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.candidates import Training, candidates
from penultimate.heads.comparison.scoring import Answers, Scorer
from penultimate.heads.comparison.selection import Tried
from studies.results import Study, main
from studies.training import Network, Recipe, features, run_all

# Raise it with every change that changes what `judge` gives: runs that were kept are then judged anew.
PROTOCOL = 2
# The weight decay of the bundled networks.
DECAY = 5e-4
SETTINGS: dict[str, dict[str, Any]] = {
    "Fashion 100:1, CNN": {"body": "cnn", "epochs": 10},
    "Fashion 100:1, MLP": {"batch_norm": True, "epochs": 20},
    "Fashion 20:1, CNN": {"body": "cnn", "epochs": 10, "ratio": 20.0},
    "Fashion 20:1, MLP": {"batch_norm": True, "epochs": 20, "ratio": 20.0},
    "digits 20:1, MLP": {"data": "digits", "ratio": 20.0, "batch_norm": True, "epochs": 200},
    "WordNet, MLP": {"data": "a quarter of the glosses", "batch_norm": True, "epochs": 20},
    "cities, MLP": {"data": "a third of the cities", "batch_norm": True, "epochs": 20},
}
NATURAL = ("WordNet, MLP", "cities, MLP")
BASELINE = "ce"
# Losses whose networks are judged with their own head alone, and all.
ALONE = ("weighted:inverse", "weighted:effective", "cdt", "vs", "ldam", "smooth", "mse", "mse:inverse")
LOSSES = (BASELINE, "la:1", *ALONE)
SEEDS = 5
# Held-out samples of each class to choose with, at most half of what there is.
VALID, LARGE = 20, 100
# C that logistic regression chooses from; of those that tie the last, which is scikit-learn's default.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)

Figures = dict[str, float]
Resample = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def deal(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of VALID, of the larger one, which holds it, and of what all are judged on."""
    order = np.random.default_rng(seed).permutation(labels.size)
    small, large = np.zeros(labels.size, dtype=bool), np.zeros(labels.size, dtype=bool)
    for k in range(int(labels.max()) + 1):
        rows = order[labels[order] == k]
        small[rows[: min(VALID, rows.size // 2)]] = True
        large[rows[: min(LARGE, rows.size // 2)]] = True
    return np.flatnonzero(small), np.flatnonzero(large), np.flatnonzero(~large)


def thirds(counts: pen.ClassCounts) -> np.ndarray:
    """The largest third of the classes is "many", the rarest "few": bounds in samples would be empty on some sets."""
    bands = np.full(counts.classes, "medium")
    order, third = np.argsort(-counts.values, kind="stable"), counts.classes // 3
    bands[order[:third]], bands[order[-third:]] = "many", "few"
    return bands


def judge(recipe: Recipe, network: Network) -> dict[str, Any]:
    """What can be done with one network, judged: its own head, a better one, and all of them for cross-entropy."""
    data = recipe.load()
    train = Samples(features(network, data.inputs), data.labels.numpy())
    test = Samples(features(network, data.test_inputs), data.test_labels.numpy())
    rows, large_rows, report_rows = deal(test.labels, recipe.seed)
    valid, report = test.take(rows), test.take(report_rows)
    present = network.as_head()
    source = pen.ArraySource(*train, head=present)
    found, chosen = {"loss": {"its own head": present}}, {}
    if recipe.loss not in ALONE:
        comparison = pen.compare_heads(source, pen.ArraySource(*valid), seed=recipe.seed)
        advice = advise_head(pen.forecast(data.counts, DECAY, loss=recipe.loss, feature_ratio=1.0), None, comparison)
        found |= {"loss and head": {"certain": comparison.head}, "loss and advice": {"advised": advice.head}}
        took = {id(comparison.blend.head): "blend", id(comparison.theory.head): "theory"}.get(
            id(advice.head), "present"
        )
        chosen = {"kept": comparison.keeps, "advised": took}
    if recipe.loss == BASELINE:
        more = pen.compare_heads(source, pen.ArraySource(*test.take(large_rows)), seed=recipe.seed)
        found |= {
            "head": kinds(present, train, valid, recipe.seed),
            "more VALID": {"blend": more.blend.head},
            "scikit-learn": dict(logistic_heads(train, valid, recipe.seed)),
        }
        chosen |= {"kept of more": more.keeps}
    scorer = Scorer(report.labels, thirds(data.counts))
    judged = {family: {name: figures(scorer, head, report) for name, head in h.items()} for family, h in found.items()}
    sizes = {"valid": len(rows), "more": len(large_rows), "report": len(report_rows)}
    return {"methods": judged, "chosen": chosen, "counts": data.counts.values.astype(int).tolist(), **sizes}


def figures(scorer: Scorer, head: pen.Head, report: Samples) -> Figures:
    """Figures of a head, to six digits."""
    answers = Answers.empty(1, len(report.labels))
    answers.note(0, np.arange(len(report.labels)), head, *report)
    return {name: float(f"{value:.6g}") for name, value in scorer.figures(answers).items()}


def kinds(present: pen.Head, train: Samples, valid: Samples, seed: int) -> dict[str, pen.Head]:
    """Each kind of head that `pen.compare_heads` tries, and their blend, fitted to all of VALID."""
    statistics = pen.FeatureStatistics.from_features(*train, present.classes)
    tried, _ = candidates(Training(present, statistics, train), valid)
    final, blend = Tried(tried, valid, statistics.counts).choose(
        np.arange(len(valid.labels)), np.random.default_rng(seed)
    )
    return {**{name: one.head for name, one in final.items()}, "blend": blend.head}


def logistic_heads(train: Samples, valid: Samples, seed: int) -> Iterator[tuple[str, pen.Head]]:
    """scikit-learn's logistic regression, weighted or re-sampled, its C by balanced accuracy on VALID."""
    balanced = {"class_weight": "balanced"}
    strength, head = fitted(train, valid, STRENGTHS, **balanced)
    yield "balanced logistic regression", head
    both = train.joined(valid)
    yield "balanced logistic regression on TRAIN and VALID", fitted(both, valid, (strength,), **balanced)[1]
    for name, resample in resamplers(train.labels, seed).items():
        yield name, fitted(train, valid, STRENGTHS, resample)[1]


def fitted(
    train: Samples, valid: Samples, strengths: tuple[float, ...], resample: Resample | None = None, **settings: Any
) -> tuple[float, pen.Head]:
    """Logistic regression on standardised features, with the C that is best on VALID, as a head of the features."""
    scaler = StandardScaler().fit(train.features)
    inputs, labels = scaler.transform(train.features), train.labels
    if resample is not None:
        inputs, labels = resample(inputs, labels)
    # Each begins where the last ended, which is several times faster.
    model, held_out = LogisticRegression(max_iter=1000, warm_start=True, **settings), scaler.transform(valid.features)
    best = (-1.0, 0.0, pen.Head((np.zeros((2, 1)),)))
    for strength in strengths:
        model.set_params(C=strength).fit(inputs, labels)
        score = balanced_accuracy_score(valid.labels, model.predict(held_out))
        weight = model.coef_ / scaler.scale_
        found = score, strength, pen.Head((weight,), model.intercept_ - weight @ scaler.mean_)
        best = max(found, best, key=lambda one: one[0])
    return best[1:]


def resamplers(labels: np.ndarray, seed: int) -> dict[str, Resample]:
    """What imbalanced-learn offers, by name; nothing where it is not installed, which the results then say."""
    try:
        from imblearn.over_sampling import SMOTE, RandomOverSampler
        from imblearn.under_sampling import RandomUnderSampler
    except ImportError:
        return {}
    neighbours = min(5, int(np.bincount(labels).min()) - 1)
    return {
        "RandomOverSampler": RandomOverSampler(random_state=seed).fit_resample,
        "SMOTE": SMOTE(random_state=seed, k_neighbors=neighbours).fit_resample,
        "RandomUnderSampler": RandomUnderSampler(random_state=seed).fit_resample,
    }


def installed() -> str | None:
    """The version of imbalanced-learn, if it is there."""
    try:
        return version("imbalanced-learn")
    except PackageNotFoundError:
        print("imbalanced-learn is not installed: re-sampling is left out; make install brings it")
        return None


def advised_loss(recipe: dict[str, Any], losses: tuple[str, ...]) -> str:
    """What is advised for these counts; it has to be among the losses that are trained with."""
    advised = (
        pen.advise(Recipe(DECAY, **recipe).load().counts, DECAY, loss=BASELINE, feature_ratio=1.0).loss.chosen
        or BASELINE
    )
    if advised not in losses:
        raise SystemExit(f"the loss advised, {advised}, is not among those that are trained with: add it to LOSSES")
    return advised


def collect(settings: dict[str, dict[str, Any]], losses: tuple[str, ...], seeds: range) -> dict[str, Any]:
    """Run everything; figures of every method by setting, one value a seed."""
    wanted = {
        (name, loss, seed): Recipe(DECAY, seed, loss=loss, **recipe)
        for seed in seeds
        for name, recipe in settings.items()
        for loss in losses
    }
    records = run_all(list(wanted.values()), judge, f"long-tail-{PROTOCOL}-")
    facts: dict[str, Any] = {}
    for (name, loss, _), record in zip(wanted, records, strict=True):
        if name not in facts:
            advised = advised_loss(settings[name], losses)
            facts[name] = {"natural": name in NATURAL, "advised": advised, "chosen": {}, "methods": {}}
        note(facts[name], loss, record)
    return facts


def note(setting: dict[str, Any], loss: str, record: dict[str, Any]) -> None:
    """Add what one network gave; heads on the features of cross-entropy stand by their own names."""
    setting |= {key: record[key] for key in ("counts", "valid", "more", "report")}
    setting["chosen"].setdefault(loss, []).append(record["chosen"])
    for family, heads in record["methods"].items():
        trained = family.startswith("loss")
        for head, found in heads.items():
            method = setting["methods"].setdefault(family, {}).setdefault(loss if trained else head, {})
            for figure, value in found.items():
                method.setdefault(figure, []).append(value)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything, and judge what is chosen."""
    settings, losses, seeds = SETTINGS, LOSSES, range(seed, seed + SEEDS)
    if quick:
        small = "digits 20:1, MLP"
        settings, losses = {small: {**SETTINGS[small], "epochs": 30}}, (BASELINE, "la:1")
        seeds = range(seed, seed + 2)
    facts = {"weight_decay": DECAY, "seeds": list(seeds), "recipes": settings, "imbalanced-learn": installed()}
    facts["settings"] = collect(settings, losses, seeds)
    return Study(claims(facts), {"gains": gains_chart(facts)}, facts, tables(facts))


if __name__ == "__main__":
    main("long_tail", study, "benchmarks")
