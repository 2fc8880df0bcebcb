"""The worst samples of each class, beside a sort of all margins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features.passes import deciding as module
from penultimate.features.passes.deciding import Deciding
from penultimate.features.passes.worst import KEPT, WorstSamples


def margins(features, labels, head, statistics):
    """Every margin, dense, in float64."""
    if head is None:
        scores = -0.5 * np.sum((features[:, None] - statistics.means) ** 2, axis=2)
        scores[:, np.isnan(scores).all(axis=0)] = -np.inf
    else:
        scores = features @ head.product.T + head.offset
    own = np.arange(len(labels)), labels
    ours, answers = scores[own].copy(), np.argmax(scores, axis=1)
    scores[own] = -np.inf
    return ours - scores.max(axis=1), answers


def expected(margin, labels, classes):
    rows = [np.flatnonzero(labels == k) for k in range(classes)]
    return [some[np.argsort(margin[some], kind="stable")][:KEPT] for some in rows]


def data(seed, classes=4, samples=300, dimension=5, spread=0.8):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, dimension))
    labels = rng.choice(classes, samples, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    features = means[labels] + spread * rng.normal(size=(samples, dimension))
    return features, labels, pen.Head((means,), -0.5 * np.sum(means**2, axis=1))


@pytest.fixture
def many_products(monkeypatch):
    """As where products are dear: samples near the mean of their class are not multiplied out."""
    monkeypatch.setattr(module, "_FEW_PRODUCTS", 0)
    monkeypatch.setattr(module, "_SHARE", 0.0)


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_they_are_those_of_a_sort(with_head, seed):
    features, labels, head = data(seed)
    head = head if with_head else None
    statistics = pen.FeatureStatistics.from_features(features, labels, 4)
    margin, answers = margins(features, labels, head, statistics)
    deciding = Deciding(statistics, head)
    for start in range(0, 300, 70):
        deciding.update(features[start : start + 70], labels[start : start + 70])
    for k, rows in enumerate(expected(margin, labels, 4)):
        own = deciding.worst.row[k, : rows.size]
        assert own.tolist() == rows.tolist()
        assert deciding.worst.answer[k, : rows.size].tolist() == answers[rows].tolist()
        np.testing.assert_allclose(deciding.worst.margin[k, : rows.size], margin[rows], rtol=1e-9, atol=1e-9)
        assert (deciding.worst.row[k, rows.size :] == -1).all()


@pytest.mark.parametrize("spread", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("with_head", [True, False])
def test_without_all_products_they_are_the_first_of_the_sort(spread, with_head, many_products):
    features, labels, head = data(3, spread=spread)
    head = head if with_head else None
    statistics = pen.FeatureStatistics.from_features(features, labels, 4)
    margin, answers = margins(features, labels, head, statistics)
    deciding = Deciding(statistics, head)
    deciding.update(features, labels)
    for k, rows in enumerate(expected(margin, labels, 4)):
        count = int(deciding.worst.samples[k])
        assert deciding.worst.row[k, :count].tolist() == rows[:count].tolist()
        wrong = np.count_nonzero(answers[labels == k] != k)
        assert count >= min(KEPT, wrong)
    assert deciding.decisions.correct.sum() == np.count_nonzero(answers == labels)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 299), max_size=3), st.booleans())
def test_merged_parts_and_checkpoints_keep_what_one_pass_keeps(seed, cuts, twice):
    rng = np.random.default_rng(seed)
    labels, rows = rng.integers(0, 3, 300), np.arange(300)
    margin, answers = rng.integers(-4, 4, 300).astype(float), rng.integers(0, 3, 300)  # with many ties
    whole = WorstSamples.empty(3)
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 300], strict=True):
        part, some = WorstSamples.empty(3), slice(start, stop)
        part.add(labels[some], margin[some], rows[some], answers[some])
        if twice:
            again = WorstSamples.empty(3)
            again.restore({name: array.copy() for name, array in part.arrays().items()})
            part = again
        whole.merge(part)
    for k, own in enumerate(expected(margin, labels, 3)):
        assert whole.row[k].tolist() == own.tolist() and whole.margin[k].tolist() == margin[own].tolist()


def test_rows_left_out_are_counted(tmp_path):
    features, labels, head = data(5)
    margin, _ = margins(features, labels, head, None)
    features[::7] = np.nan
    audit = pen.audit(features, labels, head=head, gaps="drop")
    margin[::7] = np.inf
    for k, rows in enumerate(expected(margin, labels, 4)):
        rows = rows[np.isfinite(margin[rows])]
        assert audit.worst.row[k, : rows.size].tolist() == rows.tolist()


def test_above_two_thousand_classes_none_are_kept():
    assert len(WorstSamples.empty(2049).row) == 0
    WorstSamples.empty(2049).add(np.array([3]), np.array([0.0]), np.array([0]), np.array([1]))


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("products", ["few", "many"])
def test_a_class_without_rivals_has_no_border(with_head, products, monkeypatch):
    if products == "many":
        monkeypatch.setattr(module, "_FEW_PRODUCTS", 0)
        monkeypatch.setattr(module, "_SHARE", 0.0)
    features, labels = np.random.default_rng(0).normal(size=(30, 2)), np.ones(30, dtype=int)
    head = pen.Head((np.eye(3, 2),), np.zeros(3)) if with_head else None
    deciding = Deciding(pen.FeatureStatistics.from_features(features, labels, 3), head)
    deciding.update(features, labels)
    assert deciding.worst.samples[[0, 2]].tolist() == [0, 0]
    assert deciding.decisions.answered.tolist() == [0, 30, 0]
    if not with_head:
        assert deciding.decisions.correct[1] == 30
