"""The head for several labels a sample: its parts against scikit-learn, and what it does with odd labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import penultimate as pen
from penultimate.heads.label_calibration import label_lines
from penultimate.heads.label_parts import pooled
from penultimate.heads.label_ridge import LabelRidge
from penultimate.heads.multi_label import dealt
from penultimate.heads.sigmoids import Logistic, Rotated, log_loss
from penultimate.probabilities.thresholds import f1

MultiLabelHead = pen.heads.MultiLabelHead


def data(samples=400, seed=0, above=(0.0, 1.5, 3.0, 4.5)):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(samples, 6)) * [3, 2, 1, 1, 0.5, 0.1] + 5.0
    W = rng.normal(size=(6, len(above)))
    scores = (X - 5.0) @ W
    return X, scores / scores.std(axis=0) * 2.0 + rng.logistic(size=scores.shape) > np.array(above)


X, Y = data()
FITTED = MultiLabelHead().fit(X, Y)


def test_features_are_turned_without_loss():
    turned = Rotated.of(X)
    np.testing.assert_allclose(turned.variances.sum() / 6, 1.0)
    np.testing.assert_allclose(np.cov(turned.rows.T, bias=True), np.diag(turned.variances), atol=1e-5)
    wide = Rotated.of(X.T)  # fewer samples than features
    assert wide.rows.shape == (6, 5)
    assert Rotated.of(np.ones((5, 3))).rows.shape == (5, 0)


@pytest.mark.parametrize(("decay", "weight"), [(1.0, None), (1e-2, None), (1e-2, 5.0)])
def test_logistic_regressions_are_those_of_scikit_learn(decay, weight):
    turned = Rotated.of(X)
    weights = None if weight is None else np.array([1.0, 2.0, weight, weight])
    ours = Logistic(turned.rows, turned.variances, Y, weights).fit(decay)
    for k in range(Y.shape[1]):
        own = 1.0 if weights is None else weights[k]
        kind = LogisticRegression(C=1 / (decay * len(X)), tol=1e-8, max_iter=1000, class_weight={0: 1.0, 1: own})
        theirs = kind.fit(turned.rows, Y[:, k])
        least = loss(theirs.coef_[0], theirs.intercept_[0], k, decay, turned, own)
        # In nats, of some hundred: no sample weighs as little.
        np.testing.assert_allclose(loss(ours.weights[:, k], ours.biases[k], k, decay, turned, own), least, atol=0.05)


def loss(weights, bias, k, decay, turned, weight):
    scores = turned.rows @ weights + bias
    losses = np.logaddexp(0, np.where(Y[:, k], -scores, scores)) * np.where(Y[:, k], weight, 1.0)
    return losses.sum() + decay * len(X) / 2 * weights @ weights


def test_least_squares_are_those_of_scikit_learn():
    rows = Rotated.of(X).rows + 0.3
    ours = LabelRidge(rows, Y).fit(0.1)
    theirs = Ridge(alpha=0.1 * len(X)).fit(rows.astype(np.float64), Y)
    np.testing.assert_allclose(ours.weights.T, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.biases, theirs.intercept_, atol=1e-6)


def test_a_label_of_many_samples_keeps_its_own_line_and_a_rare_one_gets_that_of_all():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6000, 8))
    slopes = np.array([1.0, 1.0, 2.0, 2.0, 1.5, 1.5, 1.2, 1.8])
    truth = rng.random(scores.shape) < expit(slopes * scores - 1.0)
    lines = label_lines(scores, truth)
    for k, line in enumerate(lines):
        alone = LogisticRegression(C=1e6).fit(scores[:, k : k + 1], truth[:, k])
        np.testing.assert_allclose(line, [alone.intercept_[0], alone.coef_[0, 0]], atol=0.05)
    rare = truth.copy()
    rare[:, 0] = False
    rare[np.argmax(scores[:, 0]), 0] = True  # one positive, with the highest score of all: alone its slope is infinite
    assert 0.5 < label_lines(scores, rare)[0, 1] < 3.0


def test_probabilities_out_of_fold_are_calibrated():
    found = FITTED.thresholds_
    assert not found.off.any()
    np.testing.assert_allclose(found.expected_positives, Y.sum(axis=0), rtol=0.1, atol=1.0)


def test_lists_sparse_and_dense_labels_give_one_head():
    names = np.array(["cat", "dog", "eel", "newt"])
    lists = [names[row].tolist() for row in Y]
    for labels in (csr_array(Y.astype(int)), Y.astype(float), Y.astype(np.uint8), lists):
        np.testing.assert_array_equal(MultiLabelHead().fit(X, labels).coef_, FITTED.coef_)
    assert MultiLabelHead().fit(X, lists).head().names == tuple(names)
    assert FITTED.head().names is None


def test_a_network_can_take_it():
    layer = FITTED.to_torch()
    import torch

    with torch.no_grad():
        scores = layer(torch.as_tensor(X, dtype=torch.float32)).sigmoid().numpy()
    np.testing.assert_allclose(scores, FITTED.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(expit(FITTED.head().logits(X)), FITTED.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(FITTED.thresholds_.predict(FITTED.predict_proba(X)), FITTED.predict(X) > 0)


def rings(samples=300, seed=0):
    """Two labels that no plane parts, one that a plane does, and one that never is."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(samples, 3))
    far = np.square(rows[:, :2]).sum(axis=1)
    return rows, np.column_stack([far < 0.6, far > 3.5, rows[:, 2] > 1.0, np.zeros(samples, dtype=bool)])


def test_a_head_that_need_not_be_linear_finds_what_no_plane_parts_and_is_a_sum_of_kernels():
    rows, labels = rings()
    straight, bent = (MultiLabelHead(linear=linear, folds=4).fit(rows, labels) for linear in (True, False))
    new, truth = rings(seed=1)
    worth = [f1(truth, head.predict(new) > 0)[:3] for head in (straight, bent)]
    assert worth[1][:2].min() > 0.8 > 0.6 > worth[0][:2].max() and worth[1][2] > worth[0][2] - 0.1
    assert not bent.predict(new)[:, 3].any() and bent.outcomes_[3] == "unseen"
    # By hand: W h + b + Σ a k(h).
    kernel = bent._kernel
    near = np.exp(-np.square(new[:, None] - kernel.landmarks).sum(axis=2) / (2 * kernel.widths**2))
    scores = new @ bent.coef_.T + bent.intercept_ + near @ kernel.coefficients.T
    np.testing.assert_allclose(bent.predict_proba(new), expit(scores), atol=1e-6)
    assert list(bent.shares_) == ["logistic", "ridge", "kernel 0.5", "kernel 1", "kernel 2"]
    assert straight.shares_ == {"logistic": 0.5, "ridge": 0.5}


def test_a_head_that_is_not_linear_hands_out_no_rows():
    bent = MultiLabelHead(linear=False, folds=2).fit(*rings(80))
    for taken in (bent.head, bent.to_torch):
        with pytest.raises(pen.FeaturesError, match="the head is not linear, W and b are a part of it"):
            taken()


def test_what_is_pooled_has_the_least_log_loss_by_another_optimiser():
    rng = np.random.default_rng(0)
    truth = rng.random((200, 5)) < 0.3
    logits = [(2 * truth - 1) * a + rng.normal(size=truth.shape) for a in (1.0, 0.5, -0.3)]

    def loss(shares):
        return log_loss(np.tensordot(shares, logits, 1), truth)

    other = minimize(lambda logs: loss(np.exp(logs)), np.zeros(3), method="Nelder-Mead", options={"maxiter": 2000})
    found = pooled(logits, truth)
    assert loss(found) <= other.fun + 1e-2 and found[2] == 0.0 < found[1] < found[0]


def test_odd_labels_have_named_outcomes():
    odd = np.column_stack([Y[:, 0], np.zeros(len(Y)), np.ones(len(Y)), np.arange(len(Y)) == 7, Y[:, 1]])
    head = MultiLabelHead().fit(X, odd)
    assert head.outcomes_.tolist() == ["fitted", "unseen", "always", "few", "fitted"]
    answers = head.predict(X)
    assert not answers[:, 1].any() and answers[:, 2].all()
    np.testing.assert_array_equal(head.predict_proba(X)[:, 1:3], np.tile([0.0, 1.0], (len(X), 1)))
    assert np.isfinite(head.coef_).all() and np.isfinite(head.predict_proba(X)).all()
    # They change nothing for labels that never heard of them but for the one positive, which is in the common line.
    plain = MultiLabelHead().fit(X, odd[:, [0, 3, 4]])
    np.testing.assert_allclose(plain.coef_, head.coef_[[0, 3, 4]], rtol=1e-6)


def test_one_label_is_enough():
    assert MultiLabelHead().fit(X, Y[:, :1]).predict(X).shape == (len(X), 1)


def test_a_sample_is_answered_by_itself():
    np.testing.assert_array_equal(np.concatenate([FITTED.predict(row[None]) for row in X[:40]]), FITTED.predict(X[:40]))


def test_one_number_mends_thresholds_where_sure_probabilities_promise_too_much():
    """Scores saturate: above 3 they say no more, so that a line of logits overrates the surest answers."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(6000, 12))
    Y = rng.random(X.shape) < 0.5 * expit(10.0 * X - 20.0)
    head = MultiLabelHead().fit(X[:3000], Y[:3000])
    p = head.predict_proba(X[3000:])
    plain = pen.expected_f_thresholds(p).predict(p)
    assert f1(Y[3000:], head.predict(X[3000:]) > 0).mean() >= f1(Y[3000:], plain).mean() - 0.01
    assert (head.thresholds_.values < 0.95 * head.thresholds_.expected_f / 2).all()


def test_thresholds_of_small_batches_cost_what_those_of_all_samples_gain():
    rng = np.random.default_rng(0)
    p = expit(rng.normal(-7.0, 2.0, size=(4000, 40)))  # labels of one in two hundred
    truth = rng.random(p.shape) < p
    of_all = f1(truth, pen.expected_f_thresholds(p).predict(p)).mean()
    batches = [pen.expected_f_thresholds(part).predict(part) for part in np.split(p, 80)]
    assert of_all > f1(truth, p >= 0.5).mean() + 0.05
    assert f1(truth, np.concatenate(batches)).mean() < of_all - 0.05


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 7), st.integers(0, 3))
def test_groups_stay_whole_and_folds_are_used_alike(groups, folds, seed):
    if len(set(groups)) < 2:
        groups = [*groups, 10]
    fold = dealt(np.array(groups), len(groups), folds, seed)
    of_group = {group: set(fold[np.array(groups) == group]) for group in groups}
    assert all(len(held) == 1 for held in of_group.values())
    number = np.bincount([next(iter(held)) for held in of_group.values()])
    assert len(number) == min(folds, len(of_group)) and number.max() - number.min() <= 1


def test_repeated_samples_deceive_no_one_who_names_their_groups():
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(60, 40)), rng.random((60, 3)) < 0.4  # nothing to learn
    X, Y, groups = np.repeat(rows, 4, axis=0), np.repeat(labels, 4, axis=0), np.repeat(np.arange(60), 4)
    known, blind = MultiLabelHead().fit(X, Y, groups=groups), MultiLabelHead().fit(X, Y)
    assert known.thresholds_.expected_f.mean() < blind.thresholds_.expected_f.mean() - 0.1


def test_it_is_an_estimator():
    head = clone(MultiLabelHead(folds=3, seed=4))
    assert head.get_params() == {"linear": True, "folds": 3, "seed": 4}
    probabilities = cross_val_predict(make_pipeline(StandardScaler(), head), X, Y, cv=3, method="predict_proba")
    assert probabilities.shape == Y.shape and f1(Y, probabilities > 0.3).mean() > 0.3
    np.testing.assert_array_equal(head.fit(X, Y).coef_, clone(head).fit(X, Y).coef_)
    with pytest.raises(NotFittedError):
        MultiLabelHead().predict(X)


@pytest.mark.parametrize(
    "check",
    [
        "check_classifiers_multilabel_representation_invariance",
        "check_classifiers_multilabel_output_format_predict",
        "check_classifiers_multilabel_output_format_predict_proba",
        "check_classifiers_multilabel_output_format_decision_function",
        "check_no_attributes_set_in_init",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_parameters_default_constructible",
        "check_estimator_tags_renamed",
    ],
)
def test_passes_the_checks_of_scikit_learn_for_several_labels(check):
    getattr(estimator_checks, check)("MultiLabelHead", MultiLabelHead())


@pytest.mark.parametrize(
    ("labels", "groups", "said"),
    [
        (Y[:, 0], None, "one label a sample"),
        (Y * 0.3, None, "between 0 and 1: give 1 where"),
        (Y * 2, None, "ids of labels"),
        (np.where(Y, np.nan, 1.0), None, "row 0"),
        (Y[:-1], None, "399 rows for 400 samples"),
        (np.ones_like(Y), None, "no label is on in some samples and off in others"),
        ([["cat"]] * 10, None, "10 rows for 400 samples"),
        (["cat"] * 400, None, "one label and no list"),
        (Y, np.zeros(3), "groups have shape (3,)"),
        (Y, np.zeros(400), "1 groups and 10 folds"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(labels, groups, said):
    with pytest.raises(pen.PenultimateError) as raised:
        MultiLabelHead().fit(X, labels, groups=groups)
    assert said in str(raised.value)
