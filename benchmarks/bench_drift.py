"""Drift of two large sides, from features and from statistics; an audit with gaps, and what filling them in does.

Beside them what others have: divergences of POT and geomloss, drift of frouros. They are no part of what is installed
here; where they are there, they are compared with.
"""

import importlib.util

import numpy as np
from sklearn.impute import SimpleImputer

import penultimate as pen
from measure import alternately, best, console, once, table
from penultimate.audits.audit import PARTS
from penultimate.audits.gaps import read_observed
from penultimate.drifts.shape import MOST
from penultimate.features.passes.one_process import OneProcess
from penultimate.features.passes.replicates import Replicates
from penultimate.features.sources.in_memory import gather

SAMPLES, WIDTH, CLASSES = 50_000, 512, 100
# Points of each cloud whose divergence is taken.
POINTS = 1000
# Share of entries that are missing.
GAPS = 0.1


def side(seed: int) -> pen.ArraySource:
    """Gaussian classes about the same means."""
    means = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)).astype(np.float32)
    rng, labels = np.random.default_rng(seed), np.arange(SAMPLES) % CLASSES
    return pen.ArraySource(means[labels] + rng.normal(size=(SAMPLES, WIDTH)).astype(np.float32), labels)


def kept(source: pen.ArraySource) -> pen.FeatureStatistics:
    """Statistics of a side, with the scatter of every class."""
    statistics = pen.FeatureStatistics(CLASSES, WIDTH, per_class=True)
    for batch in source.batches():
        statistics.update(batch.features, batch.labels)
    return statistics


def drift() -> None:
    """Times of a comparison, beside one product of the same size."""
    one, other = side(1), side(2)
    statistics = kept(one), kept(other)
    rows = next(one.batches()).features
    result = table(f"drift, 2 × {SAMPLES:,} × {WIDTH}, K = {CLASSES}", "what", "time")
    features, product = alternately(lambda: pen.drift(one, other), lambda: rows.T @ rows)
    result.add_row("from features, two passes a side", f"{features:.2f} s")
    result.add_row("from statistics that were kept", f"{best(lambda: pen.drift(*statistics), 3):.2f} s")
    result.add_row(f"one product HᵀH of {len(rows):,} rows, to compare", f"{product:.3f} s")
    console.print(result)


def shapes() -> None:
    """Times of the second tests for a class, with few samples and with the most that they take."""
    result = table("second tests, K = 3, d = 64", "samples of a class and side", "test", "time a class")
    rng, classes = np.random.default_rng(0), 3
    means = 3.0 * rng.normal(size=(classes, 64))
    for number in (60, MOST):
        labels = np.repeat(np.arange(classes), number)
        one, other = (pen.ArraySource(means[labels] + rng.normal(size=(len(labels), 64)), labels) for _ in range(2))
        for shape in ("mmd", "sinkhorn"):
            seconds = best(lambda one=one, other=other, shape=shape: pen.drift(one, other, shape=shape), 1)
            result.add_row(f"{number:,}", shape, f"{seconds / classes:.2f} s")
    console.print(result)


def gaps() -> None:
    """NC1 with a tenth of the entries gone, by ways to go on, and the time of an audit."""
    features, labels = gather(pen.datasets.features("cnn-ce"))
    gone = np.where(np.random.default_rng(0).random(features.shape) < GAPS, np.nan, features).astype(np.float32)
    filled = SimpleImputer().fit_transform(gone)
    by_class = gone.copy()
    for k in range(10):
        by_class[labels == k] = SimpleImputer().fit_transform(gone[labels == k])
    wanted = pen.audit(features, labels).metrics.nc1
    result = table(
        f"audits of cnn-ce with {GAPS:.0%} of the entries gone", "how", "log NC1 off by", "time over no gaps"
    )
    audits = {
        "gaps='observed'": lambda: pen.audit(gone, labels, gaps="observed"),
        "means of columns put in (scikit-learn)": lambda: pen.audit(filled, labels),
        "means of each class put in": lambda: pen.audit(by_class, labels),
    }
    for name, audit in audits.items():
        mine, plain = alternately(audit, lambda: pen.audit(features, labels))
        result.add_row(name, f"{np.log(audit().metrics.nc1 / wanted):+.3f}", f"{mine / plain:.1f} ×")
    console.print(result)


def passes() -> None:
    """Both passes over features with gaps, in eight parts, over the one pass without."""
    features, labels = gather(side(1))
    gone = np.where(
        np.random.default_rng(0).random(features.shape, dtype=np.float32) < GAPS, np.float32(np.nan), features
    )
    whole, missing = (OneProcess(pen.ArraySource(rows, labels)) for rows in (features, gone))

    def plain() -> None:
        whole.run(Replicates(CLASSES, WIDTH, PARTS), "features")

    mine, without = alternately(lambda: read_observed(missing.run, CLASSES, WIDTH, PARTS), plain)
    result = table(f"passes over {SAMPLES:,} × {WIDTH}, K = {CLASSES}", "what", "time", "bound")
    result.add_row("without gaps", f"{without:.2f} s", "")
    result.add_row(f"with {GAPS:.0%} of the entries gone", f"{mine:.2f} s, {mine / without:.1f} ×", "3.5 ×")
    console.print(result)


def divergence() -> None:
    """The divergence of one pair of clouds, what each calls so, and its time."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(POINTS, 64)), 1.1 * rng.normal(size=(POINTS, 64)) + 0.1
    scale = float(one.var(axis=0).sum() + other.var(axis=0).sum())
    ways = {
        "positive features (500)": lambda: pen.metrics.sinkhorn_divergence(one, other),
        "shift of the means alone": lambda: float(np.sum((one.mean(axis=0) - other.mean(axis=0)) ** 2)),
    }
    if _there("ot"):
        import ot

        def transport(a: np.ndarray, b: np.ndarray) -> float:
            weights = [np.full(len(side), 1.0 / len(side)) for side in (a, b)]
            table = ot.dist(a, b)
            plan = ot.sinkhorn(*weights, table, scale, reg_type="KL")
            independent = np.outer(*weights)
            return float(np.sum(plan * table) + scale * np.sum(plan * np.log(plan / independent)))

        ways["POT, sinkhorn(reg_type='KL') with its penalty: the same number"] = lambda: (
            transport(one, other) - 0.5 * (transport(one, one) + transport(other, other))
        )
        ways["POT, empirical_sinkhorn_divergence: another number, without the penalty"] = lambda: float(
            ot.bregman.empirical_sinkhorn_divergence(one, other, scale)
        )
    if _there("geomloss") and _there("torch"):
        import torch
        from geomloss import SamplesLoss

        loss = SamplesLoss("sinkhorn", p=2, blur=float(np.sqrt(scale / 2.0)), scaling=0.9, backend="tensorized")
        tensors = torch.from_numpy(one), torch.from_numpy(other)
        ways["geomloss, twice its loss (half of the squared distance): the same number"] = lambda: float(
            2.0 * loss(*tensors)
        )
    result = table(f"Sinkhorn divergence, 2 × {POINTS:,} × 64, ε = the distance within", "way", "value", "time")
    for name, way in ways.items():
        result.add_row(name, f"{way():.4f}", f"{best(way, 1):.2f} s")
    console.print(result)


def rare() -> None:
    """A rare class that moved half of the way: who says so."""
    features, labels = gather(pen.datasets.features("cnn-ce-test"))
    means = np.stack([features[labels == k].mean(axis=0) for k in range(10)])
    rng, parts = np.random.default_rng(0), []
    for _ in range(2):
        chosen = [rng.choice(np.flatnonzero(labels == k), 30 if k == 6 else 100, replace=False) for k in range(10)]
        parts.append(np.concatenate(chosen))
    one, other = parts
    moved = features[other].astype(np.float64)
    moved[labels[other] == 6] += 0.5 * (means[0] - means[6])
    sides = pen.ArraySource(features[one], labels[one]), pen.ArraySource(moved, labels[other])
    pen.drift(*sides)  # what is compiled, or loaded, is not counted
    ways = {"penultimate, p of class 6 after Holm": lambda: float(pen.drift(*sides).p_adjusted[6])}
    if _there("frouros"):
        from frouros.callbacks import PermutationTestDistanceBased
        from frouros.detectors.data_drift import MMD

        def peer(before: np.ndarray, after: np.ndarray) -> float:
            test = PermutationTestDistanceBased(99, random_state=0, num_jobs=1, name="test", verbose=False)
            detector = MMD(callbacks=[test])
            detector.fit(X=before)
            return float(detector.compare(X=after)[1]["test"]["p_value"])

        six = [features[one][labels[one] == 6].astype(np.float64), moved[labels[other] == 6]]
        ways["frouros, MMD of all samples at once, 99 permutations"] = lambda: peer(
            features[one].astype(np.float64), moved
        )
        ways["frouros, MMD of class 6 alone, 99 permutations"] = lambda: peer(*six)
    result = table("class 6 moved half of the way to another, 30 of 930 samples", "who", "p", "time")
    for name, way in ways.items():
        told: list[float] = []
        seconds = once(lambda way=way, told=told: told.append(way()))
        result.add_row(name, f"{told[0]:.2g}", f"{seconds:.2f} s")
    console.print(result)


def _there(name: str) -> bool:
    found = importlib.util.find_spec(name) is not None
    if not found:
        console.print(f"bench_drift: {name} is not installed, so nothing is compared with it")
    return found


if __name__ == "__main__":
    drift()
    shapes()
    gaps()
    passes()
    divergence()
    rare()
