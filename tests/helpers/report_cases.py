"""Forecasts and audits that a report must bear: ordinary, degenerate, large, hostile; each is made once a process."""

from functools import cache

import numpy as np

import penultimate as pen

HOSTILE = (
    "<script>document.title='pwned'</script>",
    "</script><script>document.title='pwned'</script>",
    '"><img src=x onerror="document.title=\'pwned\'">',
    "<!--<script>",
    "{{ 7*7 }}{% raw %}",
    'it\'s "quoted" & more',
    "naïve 🦊 中文 \u202eright",
    "datum.value[0].a\\b",
    "https://example.com/x.js",
    "x" * 300,
    "x" * 299 + "y",
    "",
)


def hostile() -> pen.Forecast:
    counts = dict(zip(HOSTILE, (900, 700, 500, 300, 200, 90, 60, 30, 20, 9, 5, 2), strict=True))
    return pen.forecast(pen.ClassCounts(counts), weight_decay=0.03, feature_ratio=1.0)


def million() -> pen.Forecast:
    counts = np.repeat([1000.0, 100.0, 10.0, 1.0], 250_000)
    return pen.forecast(pen.ClassCounts(counts), weight_decay=1e-3, feature_ratio=1.0)


CASES = {
    "lvis": lambda: pen.forecast(pen.datasets.counts("lvis"), weight_decay=1e-2, feature_ratio=1.0),
    "fashion": lambda: pen.forecast(pen.datasets.counts("fashion-mnist-lt"), weight_decay=2e-2, feature_ratio=1.0),
    "collapsed": lambda: pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=5.0, feature_ratio=1.0),
    "two-classes": lambda: pen.forecast(pen.ClassCounts([60, 3]), weight_decay=0.02, feature_ratio=1.0),
    "unseen": lambda: pen.forecast(pen.ClassCounts([0, 60, 30, 0, 10]), weight_decay=0.02, feature_ratio=1.0),
    "width-binds": lambda: pen.forecast(
        pen.datasets.counts("cifar100-lt"), weight_decay=1e-3, width=33, layers=3, feature_ratio=1.0
    ),
    "width-splits": lambda: pen.forecast(pen.ClassCounts([500] * 10), weight_decay=1e-2, width=6, feature_ratio=1.0),
    "regularised-bias": lambda: pen.forecast(
        pen.ClassCounts([600, 200, 60, 60, 9]), weight_decay=0.08, bias=0.1, feature_ratio=1.0
    ),
    "no-bias": lambda: pen.forecast(
        pen.ClassCounts([600, 200, 60, 60, 9]), weight_decay=0.08, bias="none", feature_ratio=1.0
    ),
    "known-decay": lambda: pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=0.02, feature_decay=1e-4),
    "deep": lambda: pen.forecast(
        pen.datasets.counts("places-lt"), weight_decay=[1e-7, 2e-7], layers=2, feature_ratio=1.0
    ),
    "distinct": lambda: pen.forecast(pen.ClassCounts(np.arange(1.0, 2601.0)), weight_decay=1e-3, feature_ratio=1.0),
    "million": million,
    "hostile": hostile,
}


def trained(counts: pen.ClassCounts, dimension: int, seed: int, **more: object) -> pen.Audit:
    """An audit of a minimiser that training spoilt a little: noisy features, classes that lean on the next one."""
    rng = np.random.default_rng(seed)
    ideal = pen.forecast(counts, weight_decay=5e-3, feature_ratio=1.0).geometry.factors(d=dimension)
    means = np.nan_to_num(ideal.means)
    spoilt = rng.choice(counts.classes, max(1, counts.classes // 30), replace=False)
    means[spoilt] = 0.6 * means[spoilt] + 0.4 * means[(spoilt + 1) % counts.classes]
    labels = np.repeat(np.arange(counts.classes), counts.values.astype(int))
    noise = 0.2 * np.linalg.norm(means) / np.sqrt(means.size)
    features = means[labels] + noise * rng.normal(size=(labels.size, dimension))
    head = pen.Head(ideal.weights, ideal.bias)
    return pen.audit(features, labels, head=head, counts=counts, weight_decay=5e-3, **more)


def hostile_counts() -> pen.ClassCounts:
    counts = (90, 70, 50, 30, 20, 19, 16, 13, 12, 9, 5, 2)
    return pen.ClassCounts(dict(zip(HOSTILE, counts, strict=True)))


def without_head() -> pen.Audit:
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 3], [40, 9, 1])
    return pen.audit(rng.normal(size=(50, 3)), labels, counts=pen.ClassCounts([40, 9, 0, 1]))


def long_tail() -> pen.ClassCounts:
    return pen.ClassCounts({f"class number {k}": max(2, int(60 * 30 ** (-k / 399))) for k in range(400)})


FASHION = pen.datasets.counts("fashion-mnist-lt")
AUDITS = {
    "cnn-mse": lambda: pen.audit("cnn-mse"),
    "cnn-ce": lambda: pen.audit("cnn-ce"),
    "cnn-mse-test": lambda: pen.audit("cnn-mse-test", counts=FASHION),
    "audit-two-classes": lambda: trained(pen.ClassCounts([40, 7]), 3, 0),
    "audit-wide": lambda: trained(pen.ClassCounts([9, 5, 3, 1]), 40, 1),
    "audit-unseen": lambda: trained(pen.ClassCounts([0, 60, 30, 0, 10]), 6, 3),
    "audit-without-head": without_head,
    "audit-hostile": lambda: trained(hostile_counts(), 14, 4),
    "audit-long-tail": lambda: trained(long_tail(), 410, 5),
}
HEADS = {
    "head-mse": lambda: pen.audit_head("cnn-mse", FASHION),
    "head-ce": lambda: pen.audit_head("cnn-ce", FASHION),
    "head-two-classes": lambda: pen.audit_head(pen.Head((np.eye(2),), np.zeros(2)), pen.ClassCounts([40, 7])),
    "head-hostile": lambda: pen.audit_head(
        pen.Head((np.random.default_rng(6).normal(size=(12, 5)),), np.zeros(12)), hostile_counts(), loss="mse"
    ),
    "head-collapsed": lambda: pen.audit_head("cnn-mse", FASHION, weight_decay=10.0),
    "head-long-tail": lambda: pen.audit_head(
        pen.Head((np.random.default_rng(7).normal(size=(400, 16)),)), long_tail(), loss="mse"
    ),
}
CASES, AUDITS, HEADS = ({name: cache(make) for name, make in cases.items()} for cases in (CASES, AUDITS, HEADS))
