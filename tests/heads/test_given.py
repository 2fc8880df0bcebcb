"""What people hand to heads as it comes: tensors, masked arrays, labels of frames, seeds, numbers by class name."""

from functools import cache

import numpy as np
import pytest
import torch

import penultimate as pen
from seeds import SEED

heads = pen.heads
NAMES = np.array(["axolotl", "bee", "cat"])


@cache
def samples():
    rng = np.random.default_rng(SEED)
    own = np.repeat(np.arange(3), (60, 30, 12))
    return (2.0 * np.eye(3, 6)[own] + rng.normal(size=(own.size, 6))).astype(np.float32), own


def masked(values):
    return np.ma.masked_array(values, np.arange(np.size(values)).reshape(np.shape(values)) == 2)


FITTED = [heads.DiscriminantHead(), heads.LogisticHead(1e-2), heads.BestHead(), heads.NystroemHead()]


@pytest.mark.parametrize("estimator", FITTED, ids=lambda one: type(one).__name__)
def test_masked_entries_are_never_taken_at_what_lies_below_the_mask(estimator):
    X, own = samples()
    head = estimator.fit(X, own)
    for call in (lambda: head.fit(masked(X), own), lambda: head.fit(X, masked(own)), lambda: head.predict(masked(X))):
        with pytest.raises(pen.FeaturesError, match="masked entries in"):
            call()
    plain = np.ma.masked_array(X, False)
    np.testing.assert_array_equal(estimator.fit(plain, own).predict(plain), estimator.fit(X, own).predict(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda X, own: heads.BestHead().fit(X, own, valid=(masked(X), own)),
        lambda X, own: heads.BestHead().fit(X, own, valid=(X, masked(own))),
        lambda X, own: heads.CensoredRegression((0.5, np.inf)).fit(X, masked(1.0 + own)),
        lambda X, own: heads.DiscriminantHead(prior=masked(np.ones(3))).fit(X, own),
        lambda X, own: heads.CalibratedHead(counts=masked(np.ones(3))).fit(X, own),
        lambda X, own: heads.MultiLabelHead().fit(X, np.eye(3, dtype=int)[own], groups=masked(own)),
        lambda X, own: heads.MultiLabelHead().fit(X, masked(np.eye(3, dtype=int)[own])),
        lambda X, own: heads.forecast_random_features(X, masked(own)),
        lambda X, own: pen.ClassCounts(masked(np.array([5, 3, 2]))),
        lambda X, own: pen.ClassCounts.from_labels(masked(NAMES[own])),
    ],
)
def test_nor_are_they_anywhere_else(call):
    with pytest.raises((pen.FeaturesError, pen.CountsError), match="masked entries in"):
        call(*samples())


@pytest.mark.parametrize("estimator", FITTED[:2], ids=lambda one: type(one).__name__)
def test_tensors_are_read_whatever_their_precision_and_gradients(estimator):
    X, own = samples()
    expected = estimator.fit(X, own).predict(X)
    with_gradient = torch.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(estimator.fit(with_gradient, torch.tensor(own)).predict(with_gradient), expected)
    narrow = torch.tensor(X).bfloat16()
    rounded = narrow.float().numpy()
    expected = estimator.fit(rounded, own).predict(rounded)
    np.testing.assert_array_equal(estimator.fit(narrow, own).predict(narrow), expected)


def test_a_column_of_embeddings_is_refused_with_what_to_do():
    X, own = samples()
    column = np.empty(len(X), dtype=object)
    column[:] = list(X)
    with pytest.raises(pen.FeaturesError, match=r"give one number a cell.*numpy\.stack"):
        heads.DiscriminantHead().fit(column, own)


@pytest.mark.parametrize("of", [lambda texts: texts.astype(object), lambda texts: texts.tolist()])
def test_texts_of_every_type_name_the_rows_of_the_head(of):
    X, own = samples()
    head = heads.DiscriminantHead().fit(X, of(NAMES[own]))
    assert head.head().names == tuple(NAMES)
    assert heads.DiscriminantHead().fit(X, own).head().names is None


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("of", [list, lambda labels: np.array(labels, dtype=object)])
def test_a_label_that_is_missing_among_texts_is_no_class(missing, of):
    X, own = samples()
    labels = of([missing, *NAMES[own[1:]].tolist()])
    for call in (
        lambda: heads.DiscriminantHead().fit(X, labels),
        lambda: heads.BestHead().fit(X, NAMES[own], valid=(X, labels)),
    ):
        with pytest.raises(pen.FeaturesError, match=r"labels of type .* and str: give all as texts"):
            call()


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
@pytest.mark.parametrize("kind", [heads.BestHead, heads.NystroemHead, heads.RandomFeaturesHead])
def test_a_seed_that_is_none_is_refused_in_a_line(kind, seed):
    with pytest.raises(pen.ProblemError, match=f"random_state must be a whole number, at least 0; got {seed!r}"):
        kind(random_state=seed).fit(*samples())


def test_so_is_the_seed_of_several_labels():
    X, own = samples()
    with pytest.raises(pen.ProblemError, match="the seed must be at least 0"):
        heads.MultiLabelHead(seed=-1).fit(X, np.eye(3, dtype=int)[own])


@pytest.mark.parametrize("given", [np.ones(102), "valid.npz", 5])
def test_what_is_no_pair_of_features_and_labels_is_refused(given):
    X, own = samples()
    with pytest.raises(pen.FeaturesError, match=r"give features and labels, \(X, y\)"):
        heads.BestHead().fit(X, own, given)


def test_shares_by_name_are_taken_by_name():
    X, own = samples()
    head = heads.DiscriminantHead().fit(X, NAMES[own])
    by_name = {"cat": 5.0, "axolotl": 1.0, "bee": 2.0}
    in_order = [1.0, 2.0, 5.0]
    np.testing.assert_array_equal(head.predict_proba(X, prior=by_name), head.predict_proba(X, prior=in_order))
    for given in (by_name, pen.ClassCounts(by_name)):
        fitted = heads.DiscriminantHead(prior=given).fit(X, NAMES[own])
        np.testing.assert_array_equal(fitted.prior_, np.array(in_order) / 8.0)
    base = heads.RidgeHead().fit(X, NAMES[own]).head()
    told = [heads.CalibratedHead(base, counts=given).fit(X, own) for given in (by_name, in_order)]
    np.testing.assert_array_equal(told[0].coef_, told[1].coef_)
    with pytest.raises(pen.FeaturesError, match="'dog' only in prior"):
        head.predict(X, prior={"cat": 1.0, "dog": 2.0, "bee": 1.0})
