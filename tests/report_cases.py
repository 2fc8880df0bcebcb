"""Forecasts that a report must bear: ordinary, degenerate, large, hostile."""

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
    return pen.forecast(pen.ClassCounts(counts), weight_decay=0.03)


def million() -> pen.Forecast:
    counts = np.repeat([1000.0, 100.0, 10.0, 1.0], 250_000)
    return pen.forecast(pen.ClassCounts(counts), weight_decay=1e-3)


CASES = {
    "lvis": lambda: pen.forecast(pen.datasets.counts("lvis"), weight_decay=1e-2),
    "fashion": lambda: pen.forecast(pen.datasets.counts("fashion-mnist-lt"), weight_decay=2e-2),
    "collapsed": lambda: pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=5.0),
    "two-classes": lambda: pen.forecast(pen.ClassCounts([60, 3]), weight_decay=0.02),
    "unseen": lambda: pen.forecast(pen.ClassCounts([0, 60, 30, 0, 10]), weight_decay=0.02),
    "width-binds": lambda: pen.forecast(pen.datasets.counts("cifar100-lt"), weight_decay=1e-3, width=33, layers=3),
    "width-splits": lambda: pen.forecast(pen.ClassCounts([500] * 10), weight_decay=1e-2, width=6),
    "regularised-bias": lambda: pen.forecast(pen.ClassCounts([600, 200, 60, 60, 9]), weight_decay=0.08, bias=0.1),
    "no-bias": lambda: pen.forecast(pen.ClassCounts([600, 200, 60, 60, 9]), weight_decay=0.08, bias="none"),
    "known-decay": lambda: pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=0.02, feature_decay=1e-4),
    "deep": lambda: pen.forecast(pen.datasets.counts("places-lt"), weight_decay=[1e-7, 2e-7], layers=2),
    "distinct": lambda: pen.forecast(pen.ClassCounts(np.arange(1.0, 2601.0)), weight_decay=1e-3),
    "million": million,
    "hostile": hostile,
}
