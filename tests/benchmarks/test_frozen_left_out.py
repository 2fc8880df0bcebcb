"""What was tried beside all other heads is what it is said to be, and its table follows from its numbers."""

import json
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from benchmarks.frozen_left_out import added, by_names, claims, lort
from penultimate.features.sources.in_memory import Samples
from seeds import SEED
from studies.results import table

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def toy():
    rng = np.random.default_rng(SEED)
    labels = np.repeat(np.arange(3), (60, 20, 8))
    return Samples((2.0 * np.eye(3, 5)[labels] + rng.normal(size=(88, 5))).astype(np.float32), labels)


def test_lort_is_softmax_regression_to_spread_targets():
    """Each sample stands in scikit-learn three times, once for each class, weighed by its target."""
    train, spread = toy(), 0.9
    targets = (1 - spread) * np.eye(3)[train.labels] + spread / 3
    scale = np.sqrt(np.mean((train.features - train.features.mean(axis=0)) ** 2))
    model = LogisticRegression(C=1 / (88 * 1e-3 * (1 - spread)), tol=1e-9, max_iter=5000)
    rows = (train.features - train.features.mean(axis=0)) / scale
    model.fit(np.repeat(rows, 3, axis=0), np.tile(np.arange(3), 88), sample_weight=targets.ravel())
    found = lort(spread, 1e-3, train, 3).logits(train.features)
    wanted = model.decision_function(rows)
    np.testing.assert_allclose(
        found - found.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True), atol=0.01
    )


def test_names_take_the_place_of_means_as_far_as_they_are_worth():
    train, named = toy(), np.random.default_rng(1).normal(size=(3, 5))
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(*train)
    rows = by_names(0.0, 0.0, train, named).product
    np.testing.assert_allclose(np.diff(rows, axis=0), np.diff(model.coef_, axis=0), rtol=1e-4)
    rows = np.diff(by_names(np.inf, 1.0, train, named).product, axis=0)
    told = np.diff(named, axis=0)
    cosines = np.sum(rows * told, axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(told, axis=1)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-6)
    assert [one.name for one in added(train, 3, None)] == ["LORT"] and len(list(added(train, 3, named))) == 3


def test_the_committed_table_follows_from_the_committed_numbers():
    record = json.loads((RESULTS / "frozen_left_out.json").read_text(encoding="utf-8"))
    assert table(claims(record["facts"]["sets"])) == (RESULTS / "frozen_left_out.md").read_text(encoding="utf-8")
