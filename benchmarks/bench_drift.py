"""Drift of two large sides, from features and from statistics; an audit with gaps, and what filling them in does."""

import numpy as np
from sklearn.impute import SimpleImputer

import penultimate as pen
from measure import alternately, best, console, table

SAMPLES, WIDTH, CLASSES = 50_000, 512, 100
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


def gaps() -> None:
    """NC1 with a tenth of the entries gone, by ways to go on, and the time of an audit."""
    source = pen.datasets.features("cnn-ce")
    batches = list(source.batches())
    features, labels = (np.concatenate([getattr(batch, part) for batch in batches]) for part in ("features", "labels"))
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


if __name__ == "__main__":
    drift()
    gaps()
