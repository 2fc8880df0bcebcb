"""Every head is a scikit-learn estimator; what all share: prior, export, classes without samples, errors."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import penultimate as pen

heads = pen.heads
ESTIMATORS = [
    heads.NearestMeanHead(),
    heads.NearestMeanHead("within", pull=1.0),
    heads.DiscriminantHead(),
    heads.DiscriminantHead(0.0, prior="counts"),
    heads.DiscriminantHead("auto", means="corrected"),
    heads.SpikedDiscriminantHead(),
    heads.RidgeHead(),
    heads.RidgeHead("auto"),
    heads.RidgeHead(class_weight="balanced"),
    heads.LogisticHead(),
    heads.LogisticHead(class_weight="balanced", adjustment=1.0),
    heads.TauNormalisedHead(),
    heads.PriorScaledHead(),
    heads.LogitAdjustedHead(tau=0.1),
    heads.CalibratedHead(),
    heads.WeightScalingHead(),
    heads.FrameHead(),
    heads.FrameHead("orthogonal"),
    heads.FrameHead("forecast"),
]
FROM_STATISTICS = [
    heads.NearestMeanHead(),
    heads.NearestMeanHead("within"),
    heads.DiscriminantHead("auto"),
    heads.DiscriminantHead(1.0, means="corrected"),
    heads.SpikedDiscriminantHead(),
    heads.SpikedDiscriminantHead(2, screen=None),
    heads.RidgeHead(),
    heads.RidgeHead("auto"),
    heads.TauNormalisedHead(),
    heads.PriorScaledHead(),
    heads.LogitAdjustedHead(),
    heads.FrameHead(),
    heads.FrameHead("forecast"),
]
ON_A_HEAD = [
    lambda base: heads.TauNormalisedHead(base),
    lambda base: heads.PriorScaledHead(base),
    lambda base: heads.LogitAdjustedHead(base),
    lambda base: heads.CalibratedHead(base),
    lambda base: heads.WeightScalingHead(base),
    lambda base: heads.LogisticHead(base=base),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([*ESTIMATORS, heads.RandomFeaturesHead(50)])
@pytest.mark.usefixtures("own_checks")
def test_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def data(classes=4, dimension=6, seed=0, counts=(60, 25, 10, 5)):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes), counts)
    return rng.normal(size=(classes, dimension))[y] * 2 + rng.normal(size=(y.size, dimension)), y


@pytest.mark.parametrize("head", FROM_STATISTICS, ids=repr)
def test_statistics_merged_from_shards_give_the_head_that_samples_give(head):
    X, y = data()
    whole = type(head)(**head.get_params()).fit(X, y)
    parts = [
        pen.FeatureStatistics.from_features(X[rows], y[rows], 4) for rows in np.array_split(np.arange(y.size)[::-1], 3)
    ]
    merged = head.fit_statistics(parts[0].merge(parts[1]).merge(parts[2]))
    np.testing.assert_allclose(merged.coef_, whole.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(merged.intercept_, whole.intercept_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("head", FROM_STATISTICS, ids=repr)
def test_a_class_without_samples_is_never_the_answer_and_changes_no_other(head):
    X, y = data()
    places = np.array([0, 2, 3, 5])
    with_gaps = type(head)(**head.get_params()).fit_statistics(pen.FeatureStatistics.from_features(X, places[y], 6))
    without = head.fit(X, y)
    np.testing.assert_allclose(with_gaps.decision_function(X)[:, places], without.decision_function(X), atol=1e-8)
    assert np.isin(with_gaps.predict(100 * X), places).all()
    assert np.isfinite(with_gaps.head().offset).all()
    assert with_gaps.predict_proba(X)[:, [1, 4]].max() == 0


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_the_exported_head_and_the_torch_layer_give_the_same_answers(estimator):
    X, y = data()
    fitted = type(estimator)(**estimator.get_params()).fit(X, y)
    scores = fitted.decision_function(X)
    np.testing.assert_allclose(fitted.head().logits(X), scores, rtol=1e-9, atol=1e-9)
    layer = fitted.to_torch().double()
    np.testing.assert_allclose(layer(torch.tensor(X)).detach().numpy(), scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fitted.predict_proba(X), torch.softmax(torch.tensor(scores), dim=1).numpy(), atol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_the_same_samples_in_any_order_give_the_same_answers(estimator):
    X, y = data()
    shuffled = np.random.default_rng(3).permutation(y.size)
    one, again, other = (
        type(estimator)(**estimator.get_params()).fit(rows, labels)
        for rows, labels in ((X, y), (X, y), (X[shuffled], y[shuffled]))
    )
    np.testing.assert_array_equal(one.coef_, again.coef_)
    np.testing.assert_array_equal(one.intercept_, again.intercept_)
    np.testing.assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=2e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_labels_in_another_order_give_the_same_answers_in_that_order(estimator):
    X, y = data()
    order = np.array([2, 0, 3, 1])
    one, other = (type(estimator)(**estimator.get_params()).fit(X, labels) for labels in (y, order[y]))
    np.testing.assert_allclose(other.predict_proba(X)[:, order], one.predict_proba(X), atol=2e-3)


def test_labels_in_words_name_the_rows():
    X, y = data()
    fitted = heads.DiscriminantHead().fit(X, np.array(["ant", "bee", "cat", "dog"])[y])
    assert fitted.head().names == ("ant", "bee", "cat", "dog")
    assert set(fitted.predict(X)) <= {"ant", "bee", "cat", "dog"}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_features_give_nearly_the_same_head(dtype):
    X, y = data()
    narrow, wide = heads.DiscriminantHead().fit(X.astype(dtype), y), heads.DiscriminantHead().fit(X, y)
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=0.02, atol=0.02)


def test_another_prior_at_predict_time_is_the_prior_it_might_have_been_fitted_with():
    X, y = data()
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    fitted = heads.DiscriminantHead(prior="counts").fit(X, y)
    again = heads.DiscriminantHead(prior=shares).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X, prior=shares), again.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(
        fitted.predict_proba(X, prior="balanced"), heads.DiscriminantHead().fit(X, y).predict_proba(X), atol=1e-12
    )


def test_an_adjustment_in_fitting_is_not_made_again_at_predict_time():
    X, y = data()
    base = heads.LogisticHead().fit(X, y).head()
    adjusted = heads.LogitAdjustedHead(base, tau=1.0).fit(X, y)
    plain = heads.LogitAdjustedHead(base, tau=0.0).fit(X, y)
    np.testing.assert_allclose(adjusted.predict_proba(X, prior="balanced"), adjusted.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(plain.predict_proba(X, prior="balanced"), adjusted.predict_proba(X), atol=1e-12)


def test_shares_are_scaled_and_logarithms_shifted():
    X, y = data()
    base = heads.RidgeHead().fit(X, y)
    scaled = heads.PriorScaledHead(base.head(), tau=1.0).fit(X, y)
    ours, theirs = base.decision_function(X, prior="balanced"), scaled.decision_function(X)
    np.testing.assert_allclose(ours / ours[:, :1], theirs / theirs[:, :1], rtol=1e-9)


@pytest.mark.parametrize("prior", ["uniform", [1.0, 1.0], [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, np.nan]])
def test_a_prior_that_is_none_is_refused(prior):
    X, y = data()
    with pytest.raises(pen.FeaturesError, match="balanced"):
        heads.DiscriminantHead().fit(X, y).predict(X, prior=prior)


def test_scores_that_carry_no_prior_take_none():
    X, y = data()
    with pytest.raises(pen.FeaturesError, match="CalibratedHead"):
        heads.TauNormalisedHead().fit(X, y).predict(X, prior="balanced")


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_before_fit_there_is_no_head(estimator):
    fresh = type(estimator)(**estimator.get_params())
    for call in (fresh.head, fresh.to_torch, lambda: fresh.predict(np.zeros((1, 2)))):
        with pytest.raises(NotFittedError):
            call()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_nan_and_single_classes_are_refused(estimator):
    X, y = data()
    fresh = type(estimator)(**estimator.get_params())
    spoilt = X.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fresh.fit(spoilt, y)
    with pytest.raises(ValueError, match="class"):
        fresh.fit(X, np.zeros_like(y))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("case", ["wide", "collinear", "constant", "one-sample", "collapsed"])
def test_degenerate_features_give_finite_heads(estimator, case):
    X, y = data()
    if case == "wide":
        X = np.random.default_rng(1).normal(size=(y.size, 300))
    elif case == "collinear":
        X = X[:, [0, 1, 0, 1, 2, 2]]
    elif case == "constant":
        X = X * np.array([1, 1, 0, 0, 1, 1]) + 5
    elif case == "one-sample":
        y = np.where(np.arange(y.size) < y.size - 1, np.minimum(y, 2), 3)
    elif case == "collapsed":
        X = 3 * np.eye(6)[y]
    fitted = type(estimator)(**estimator.get_params()).fit(X, y)
    assert np.isfinite(fitted.head().product).all() and np.isfinite(fitted.head().offset).all()
    assert np.isin(fitted.predict(X), np.arange(4)).all()
    if case == "collapsed" and "orthogonal" not in repr(estimator):
        assert (fitted.predict(X) == y).all()


@pytest.mark.parametrize("make", ON_A_HEAD)
def test_heads_that_do_not_fit_are_refused(make):
    X, y = data()
    with pytest.raises(pen.FeaturesError, match="width 5"):
        make(pen.Head((np.ones((4, 5)),))).fit(X, y)
    with pytest.raises(pen.FeaturesError, match="0 to 2"):
        make(pen.Head((np.ones((3, 6)),))).fit(X, y)
    with pytest.raises(pen.FeaturesError, match=r"\.head\(\)"):
        make(heads.RidgeHead()).fit(X, y)
    with pytest.raises(pen.FeaturesError, match="whole numbers"):
        make(pen.Head((np.ones((4, 6)),))).fit(X, np.array(list("abcd"))[y])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (heads.NearestMeanHead("cosine"), "metric='cosine'"),
        (heads.NearestMeanHead(pull=-1.0), "pull=-1.0"),
        (heads.DiscriminantHead(1.5), "shrinkage=1.5"),
        (heads.DiscriminantHead("lo"), "shrinkage='lo'"),
        (heads.NearestMeanHead("within", shrinkage="loo"), "shrinkage='loo'"),
        (heads.SpikedDiscriminantHead(7), "spikes=7"),
        (heads.SpikedDiscriminantHead("all"), "spikes='all'"),
        (heads.SpikedDiscriminantHead(screen=0), "screen=0"),
        (heads.SpikedDiscriminantHead(screen="all"), "screen='all'"),
        (heads.DiscriminantHead(means="noisy"), "means='noisy'"),
        (heads.DiscriminantHead(prior="flat"), "prior='flat'"),
        (heads.DiscriminantHead(prior=[0.5, 0.5]), "4 classes"),
        (heads.RidgeHead(0.0), "weight_decay=0.0"),
        (heads.RidgeHead(-1.0), "weight_decay=-1.0"),
        (heads.RidgeHead("best"), "weight_decay='best'"),
        (heads.RidgeHead(class_weight="even"), "class_weight='even'"),
        (heads.RidgeHead(class_weight={7: 1.0}), "labels that occur"),
        (heads.LogisticHead(-1.0), "weight_decay=-1.0"),
        (heads.LogisticHead(class_weight={0: -1.0}), "zero or above"),
        (heads.TauNormalisedHead(tau=np.inf), "tau=inf"),
        (heads.LogitAdjustedHead(temperature=0.0), "temperature=0.0"),
        (heads.CalibratedHead(counts=[1.0, 2.0]), "4 numbers"),
        (heads.CalibratedHead(counts=[1.0, 2.0, 3.0, 0.0]), "training count is 0"),
        (heads.FrameHead("cube"), "frame='cube'"),
    ],
)
def test_parameters_out_of_range_are_named(estimator, message):
    X, y = data()
    with pytest.raises(pen.FeaturesError, match=message):
        estimator.fit(X, y)


def test_class_weights_need_the_scatter_of_every_class():
    X, y = data()
    with pytest.raises(pen.FeaturesError, match="per_class=True"):
        heads.RidgeHead(class_weight="balanced").fit_statistics(pen.FeatureStatistics.from_features(X, y))
    statistics = pen.FeatureStatistics(4, 6, per_class=True)
    statistics.update(X, y)
    from_statistics = heads.RidgeHead(class_weight="balanced").fit_statistics(statistics)
    from_samples = heads.RidgeHead(class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(from_statistics.coef_, from_samples.coef_, rtol=1e-8, atol=1e-10)


def test_statistics_of_one_class_are_refused():
    with pytest.raises(pen.FeaturesError, match="fewer than two classes"):
        heads.DiscriminantHead().fit_statistics(pen.FeatureStatistics.from_features(np.eye(2), np.array([1, 1])))


def test_descent_that_stops_early_warns():
    from sklearn.exceptions import ConvergenceWarning

    X, y = data()
    with pytest.warns(ConvergenceWarning, match="after 2 iterations"):
        heads.LogisticHead(1e-6, max_iter=2).fit(X, y)


def test_the_package_says_what_to_install_where_scikit_learn_is_missing():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import penultimate as pen\n"
        "from penultimate import *\n"
        "try:\n    pen.compare_heads\nexcept pen.MissingDependencyError as error:\n    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "penultimate[heads]" in out.stdout
