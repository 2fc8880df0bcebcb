"""Regression inside a survival set: derivatives in 60 digits, known truth, real scores, and what is refused."""

from functools import cache

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr
from sklearn.exceptions import NotFittedError

import penultimate as pen
from penultimate.heads.survival import inside, outside

Regression = pen.heads.CensoredRegression
HALF_LINES = [(0.0, np.inf), (-np.inf, -0.5), (1.0, np.inf)]


def exact(u, g, a, b, within):
    """The log probability in 60 digits."""
    low = mpmath.ncdf(g * a - u) if np.isfinite(a) else mpmath.mpf(0)
    high = mpmath.ncdf(u - g * b) if np.isfinite(b) else mpmath.mpf(0)
    if not within:
        return mpmath.log(low + high)
    if np.isfinite(a) and g * a > u:
        return mpmath.log(mpmath.ncdf(u - g * a) - high)
    return mpmath.log((mpmath.ncdf(g * b - u) if np.isfinite(b) else 1) - low)


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize("limits", [(0.5, np.inf), (-np.inf, -0.3), (-1.0, 2.0), (0.5, 0.501)])
def test_probabilities_and_their_derivatives_keep_their_digits_in_both_tails(limits, within):
    orders = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    with mpmath.workdps(60):
        for u in (-30.0, -1.0, 0.5, 9.0):
            for g in (0.3, 4.0):
                found = (inside if within else outside)(np.array([u]), g, limits)
                at = (mpmath.mpf(u), mpmath.mpf(g))
                for value, order in zip(found, orders, strict=True):
                    expected = float(mpmath.diff(lambda x, y: exact(x, y, *limits, within), at, order))
                    assert value[0] == pytest.approx(expected, rel=2e-8, abs=2e-8)


def drawn(limits, samples=4000, width=8, sigma=0.7, seed=0):
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=width) / np.sqrt(width)
    H = rng.normal(size=(samples, width))
    y = 0.2 + H @ slopes + sigma * rng.normal(size=samples)
    return H, y, (y >= limits[0]) & (y <= limits[1]), slopes


@pytest.mark.parametrize(
    ("limits", "known"),
    [((0.0, np.inf), "dropped"), ((-np.inf, -0.5), "dropped"), ((-0.8, np.inf), "total"), ((-np.inf, 0.8), "total")],
)
def test_errors_are_those_of_fisher_and_intervals_cover(limits, known):
    errors, predicted, covered, plain = [], [], [], []
    for seed in range(25):
        H, y, kept, slopes = drawn(limits, seed=seed)
        more = {"dropped": H[~kept]} if known == "dropped" else {"total": len(y)}
        model = Regression(limits).fit(H[kept], y[kept], **more)
        errors.append(np.sum((model.coef_ - slopes) ** 2))
        predicted.append(np.sum(model.standard_errors_**2))
        covered.append(np.mean(np.abs(model.coef_ - slopes) < 1.96 * model.standard_errors_))
        columns = np.column_stack([H[kept], np.ones(kept.sum())])
        plain.append(np.sum((np.linalg.lstsq(columns, y[kept])[0][:-1] - slopes) ** 2))
        assert 0.0 < model.information_ <= 1.0
    assert np.sqrt(np.mean(errors)) == pytest.approx(np.sqrt(np.mean(predicted)), rel=0.1)
    assert 0.9 <= np.mean(covered) <= 0.99
    assert np.mean(plain) > 3 * np.mean(errors)


@pytest.mark.parametrize("limits", HALF_LINES)
def test_the_optimum_is_that_of_a_general_optimiser(limits):
    H, y, kept, _ = drawn(limits, 400, 3)
    model = Regression(limits).fit(H[kept], y[kept], dropped=H[~kept])

    def objective(unknowns):
        *slopes, offset, log_sigma = unknowns
        sigma, at = np.exp(log_sigma), H @ slopes + offset
        residual = (y[kept] - at[kept]) / sigma
        edge = limits[0] if np.isfinite(limits[0]) else limits[1]
        side = 1.0 if np.isfinite(limits[0]) else -1.0
        lost = log_ndtr(side * (edge - at[~kept]) / sigma)
        return 0.5 * np.sum(residual**2) + kept.sum() * log_sigma - lost.sum()

    best = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose([*model.coef_, model.intercept_, np.log(model.sigma_)], best.x, atol=1e-5)


def test_units_of_targets_and_features_change_no_answer():
    H, y, kept, _ = drawn((0.0, np.inf), 800)
    one = Regression((0.0, np.inf)).fit(H[kept], y[kept], dropped=H[~kept])
    other = Regression((50.0, np.inf)).fit(3 * H[kept] + 7, 1e3 * y[kept] + 50, dropped=3 * H[~kept] + 7)
    np.testing.assert_allclose(other.coef_, 1e3 / 3 * one.coef_, rtol=1e-6)
    np.testing.assert_allclose(other.standard_errors_, 1e3 / 3 * one.standard_errors_, rtol=1e-5)
    np.testing.assert_allclose(other.predict(3 * H + 7), 1e3 * one.predict(H) + 50, rtol=1e-6, atol=1e-4)
    assert other.sigma_ == pytest.approx(1e3 * one.sigma_, rel=1e-6)


def test_a_window_with_its_dropped_samples_and_with_known_noise():
    H, y, kept, slopes = drawn((-0.3, 0.9), 6000)
    model = Regression((-0.3, 0.9), sigma=0.7).fit(H[kept], y[kept], dropped=H[~kept])
    assert np.linalg.norm(model.coef_ - slopes) < 3 * np.linalg.norm(model.standard_errors_)
    assert model.sigma_ == pytest.approx(0.7) and model.total_ == pytest.approx(6000, rel=0.2)


@cache
def real():
    """Scores of one bundled network, features of the other, the same images."""
    rows = [
        np.concatenate([b.features for b in pen.datasets.features(f"{n}-test").batches()])
        for n in ("cnn-mse", "cnn-ce")
    ]
    scores = pen.datasets.features("cnn-ce").head.logits(rows[1].astype(np.float64))
    order = np.random.default_rng(7).permutation(len(scores))
    return rows[0].astype(np.float64), scores, order[:3000], order[3000:]


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_on_real_scores_it_beats_least_squares(share):
    H, scores, learnt, rest = real()
    better = 0
    for k in range(10):
        y = scores[:, k]
        limit = float(np.quantile(y[learnt], share))
        kept = y[learnt] > limit
        own, lost = learnt[kept], learnt[~kept]
        model = Regression((limit, np.inf)).fit(H[own], y[own], dropped=H[lost])
        columns = np.column_stack([H, np.ones(len(H))])
        plain = columns @ np.linalg.lstsq(columns[own], y[own])[0]
        better += np.mean((model.predict(H[rest]) - y[rest]) ** 2) < np.mean((plain[rest] - y[rest]) ** 2)
    assert better >= 8


def test_on_real_scores_the_truncated_fit_is_refused():
    H, scores, learnt, _ = real()
    for k in (0, 5, 9):
        limit = float(np.quantile(scores[learnt, k], 0.5))
        own = learnt[scores[learnt, k] > limit]
        with pytest.raises(pen.FeaturesError, match=r"give the features of what was dropped \(dropped=\)"):
            Regression((limit, np.inf)).fit(H[own], scores[own, k], total=len(learnt))


def test_a_refused_fit_leaves_the_last_one_as_it_was():
    H, y, kept, _ = drawn((0.0, np.inf), 400, 3)
    model = Regression().fit(H[kept], y[kept], dropped=H[~kept])
    before = model.predict(H), model.sigma_, model.total_
    with pytest.raises(pen.FeaturesError, match="implies"):
        model.fit(H[kept], y[kept], total=100 * len(y))
    assert np.array_equal(model.predict(H), before[0]) and (model.sigma_, model.total_) == before[1:]


@pytest.mark.parametrize(
    ("settings", "more", "message"),
    [
        ({"survival": (1.0, 0.0)}, {"total": 99}, "a < b"),
        ({"survival": 1.0}, {"total": 99}, "a < b"),
        ({"survival": (np.nan, 1.0)}, {"total": 99}, "a < b"),
        ({"survival": (-np.inf, np.inf)}, {"total": 99}, "least squares"),
        ({"survival": (5.0, np.inf)}, {"total": 99}, "outside the survival set"),
        ({"sigma": -1.0}, {"total": 99}, "sigma=-1.0"),
        ({"sigma": "auto"}, {"total": 99}, "sigma='auto'"),
        ({}, {}, "dropped="),
        ({}, {"total": 3}, "total=3"),
        ({}, {"total": np.nan}, "total=nan"),
        ({}, {"total": 30, "dropped": np.zeros((3, 2))}, "total=30, but 20 targets and 3 dropped samples are 23"),
    ],
)
def test_what_cannot_be_fitted_is_named(settings, more, message):
    H, y = np.random.default_rng(0).normal(size=(20, 2)), np.linspace(0.1, 1.0, 20)
    with pytest.raises(pen.FeaturesError, match=message):
        Regression(**settings).fit(H, y, **more)


def test_too_few_or_equal_targets_and_shapes_are_named():
    H = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(pen.FeaturesError, match="4 unknowns"):
        Regression().fit(H[:4], np.arange(1.0, 5.0), total=9)
    with pytest.raises(pen.FeaturesError, match="all targets are 1"):
        Regression().fit(H, np.ones(20), total=30)
    with pytest.raises(ValueError, match="NaN"):
        Regression().fit(H * np.nan, np.ones(20), total=30)
    with pytest.raises(ValueError, match="NaN"):
        Regression().fit(H, np.full(20, np.nan), total=30)
    with pytest.raises(ValueError, match="features"):
        Regression().fit(H, np.arange(1.0, 21.0), dropped=np.ones((3, 5)))
    with pytest.raises(NotFittedError):
        Regression().predict(H)


def test_targets_that_all_lie_at_a_limit_are_not_trusted():
    rng = np.random.default_rng(0)
    H = rng.normal(size=(400, 2))
    y = 1.0 + rng.exponential(size=400)
    with pytest.raises(pen.FeaturesError, match="dropped="):
        Regression((1.0, np.inf)).fit(H, y, total=500)
    model = Regression((1.0, np.inf)).fit(H, y, dropped=rng.normal(size=(4000, 2)))
    assert np.isfinite(model.coef_).all() and model.sigma_ <= 10 * y.std()


def test_targets_without_noise_are_fitted_exactly():
    H = np.random.default_rng(0).normal(size=(50, 2))
    y = 5.0 + H @ [1.0, -0.5]
    model = Regression((0.0, np.inf)).fit(H, y, total=50)
    np.testing.assert_allclose(model.coef_, [1.0, -0.5], atol=1e-6)
    assert model.trusted_
