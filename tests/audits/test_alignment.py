import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import penultimate as pen
from penultimate.audits.alignment import align
from penultimate.audits.budgets import class_budget
from penultimate.audits.calibration import Calibration
from penultimate.audits.feature_decay import balance
from penultimate.audits.last_layer import LastLayer
from penultimate.audits.layer import calibrate
from penultimate.errors import FileError, ProblemError
from penultimate.features.head import Head


def dense(counts):
    """Label matrix and its thin decomposition, as NumPy finds it."""
    n = np.asarray(counts, dtype=float)
    label = (np.eye(n.size) - np.outer(n, np.ones(n.size)) / n.sum()) @ np.diag(np.sqrt(n))
    u, sigma, vt = np.linalg.svd(label)
    return u[:, :-1], sigma[:-1], vt.T[:, :-1]


def random_layer(counts, seed, dimension=6):
    rng = np.random.default_rng(seed)
    classes = len(counts)
    head = Head((rng.normal(size=(classes, dimension)),), rng.normal(size=classes))
    return LastLayer(pen.ClassCounts(counts), rng.normal(size=(classes, dimension)), head, np.eye(dimension))


def share(matrix, diagonal):
    return np.sqrt(max(0.0, 1 - np.sum(diagonal**2) / np.sum(matrix**2)))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 900), min_size=2, max_size=9, unique=True), st.integers(0, 99))
def test_factors_along_distinct_directions_are_those_of_a_dense_decomposition(counts, seed):
    layer = random_layer(counts, seed)
    found = align(layer, pen.LabelSpectrum(layer.counts), 1e-3)
    u, sigma, v = dense(counts)
    p = u.T @ layer.head.product
    q = (layer.centred_means * np.sqrt(np.asarray(counts))[:, None]).T @ v
    t = p @ q
    np.testing.assert_allclose(found.sigma, sigma, rtol=1e-9)
    np.testing.assert_allclose(found.strength, np.diag(t), atol=1e-6 * np.abs(t).max())
    cosine = np.diag(t) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=0)
    np.testing.assert_allclose(found.cosine, cosine, atol=1e-6)
    assert found.off_diagonal_share == pytest.approx(share(t, np.diag(t)), abs=1e-6)
    for measured, gram in ((found.head_off_diagonal_share, p @ p.T), (found.means_off_diagonal_share, q.T @ q)):
        assert measured == pytest.approx(share(gram, np.diag(gram)), abs=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("counts", [[60, 30, 10], [50, 50, 20, 20, 20, 3], [9, 9, 9]])
def test_a_minimiser_is_aligned_and_balanced_and_tells_its_feature_decay(layers, counts):
    forecast = pen.forecast(pen.ClassCounts(counts), weight_decay=2e-3, layers=layers, feature_decay=3e-5)
    ideal = forecast.geometry.factors(d=8)
    head = Head(ideal.weights, ideal.bias)
    layer = LastLayer(forecast.counts, ideal.means, head, np.zeros((8, 8)))
    found = align(layer, forecast.geometry.svd, 2e-3)
    np.testing.assert_allclose(found.strength, forecast.solution.strength, rtol=1e-8)
    np.testing.assert_allclose(found.cosine, 1.0)
    for name in ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share"):
        assert getattr(found, name) < 1e-6, name
    np.testing.assert_allclose(found.budget.decay, found.sigma - found.strength, rtol=1e-6)
    np.testing.assert_allclose(layer.imbalance_of_layers(forecast.problem.weight_decay), 0.0, atol=1e-9)
    assert layer.bias_error < 1e-12
    decay = forecast.problem.weight_decay[0]
    calibration = calibrate(
        layer, found, forecast.problem, balance(layer.head.weights[0], decay, float(np.trace(layer.between)))
    )
    assert calibration.by_norms == pytest.approx(3e-5, rel=1e-9)
    if calibration.directions >= 3:
        np.testing.assert_allclose(calibration.by_strengths, 3e-5, rtol=1e-6)
    assert calibration.threshold(3e-5) == pytest.approx(forecast.threshold)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_budget_adds_up_where_the_head_is_stationary(depth):
    rng = np.random.default_rng(depth)
    counts, decay = [40, 25, 10, 5], 1e-2
    labels = np.repeat(np.arange(4), counts)
    features = rng.normal(size=(4, 7))[labels] + 0.4 * rng.normal(size=(80, 7))
    statistics = pen.FeatureStatistics.from_features(features, labels)
    first = (rng.normal(size=(5, 7)),) if depth == 2 else ()
    inner = features @ first[0].T if first else features
    centred, target = inner - inner.mean(axis=0), np.eye(4)[labels]
    # Ridge regression with a free bias, solved by the normal equations.
    last = np.linalg.solve(centred.T @ centred / 80 + decay * np.eye(inner.shape[1]), centred.T @ target / 80).T
    bias = target.mean(axis=0) - last @ inner.mean(axis=0)
    head = Head((*first, last), bias)
    layer = LastLayer(pen.ClassCounts(counts), statistics.means, head, statistics.within_scatter / 80)
    budget = align(layer, pen.LabelSpectrum(layer.counts), decay).budget
    np.testing.assert_allclose(budget.unsettled, 0.0, atol=1e-8)
    assert np.all(budget.noise > 0) and np.all(budget.decay > 0)
    np.testing.assert_allclose(class_budget(layer, decay).unsettled, 0.0, atol=1e-8)


def test_without_decay_or_noise_the_budget_is_unknown():
    layer = random_layer([9, 5, 2], 1)
    assert np.isnan(align(layer, pen.LabelSpectrum(layer.counts), None).budget.decay).all()
    blind = LastLayer(layer.counts, layer.means, layer.head, None)
    assert np.isnan(align(blind, pen.LabelSpectrum(layer.counts), 1e-3).budget.noise).all()


def test_a_class_with_training_samples_and_no_features_is_an_error():
    means = np.ones((3, 2))
    means[1] = np.nan
    with pytest.raises(pen.FeaturesError, match="class '1' has training samples but no features"):
        LastLayer(pen.ClassCounts([5, 4, 3]), means, Head((np.eye(3, 2),)), None)


def test_unlearnt_directions_leave_the_calibration_to_norms():
    layer = random_layer([60, 30, 10, 4], 3)
    counts = layer.counts
    found = align(layer, pen.LabelSpectrum(counts), 1e-3)
    opposed = LastLayer(counts, -layer.means * np.sign(layer.lift)[:, None], layer.head, None)
    calibration = calibrate(layer, found, pen.Problem.from_decays(1e-3), 10.0)
    worse = calibrate(opposed, align(opposed, pen.LabelSpectrum(counts), None), pen.Problem.from_decays(1e-3), 10.0)
    assert worse.by_strengths is None and worse.source == "norms" and worse.feature_decay == worse.by_norms
    assert worse.band() is None and calibration.by_norms == pytest.approx(worse.by_norms)
    with pytest.raises(ProblemError, match="constant"):
        balance(layer.head.weights[0], 1e-3, 0.0)


def test_other_decays_and_counts_keep_what_the_network_told():
    trained = Calibration((1e-3, 2e-3), 100.0, "free", "mse", 1e-5, (1e-6, 2e-6, 4e-6), 5)
    other = trained.problem(samples=1000.0, weight_decay=(5e-3,))
    assert other.weight_decay == (5e-3, 5e-3) and other.feature_decay == pytest.approx(2e-7)
    low, high = trained.band()
    assert (low.feature_decay, high.feature_decay) == (1e-6, 4e-6)
    with pytest.raises(ProblemError, match="3 weight decays for 2 layers"):
        trained.problem(weight_decay=(1.0, 2.0, 3.0))


def test_a_calibrated_forecast_lies_between_those_of_its_quartiles():
    counts = pen.datasets.counts("cifar100-lt")
    trained = Calibration((1e-3,), counts.samples, "free", "mse", 1e-5, (1e-6, 2e-6, 8e-6), 5)
    found = trained.forecast(counts, (0.2,))
    low, high = found.band
    assert high.survivors < found.survivors < low.survivors
    record = found.to_dict()
    assert record["band"]["survivors"] == [high.survivors, low.survivors]
    # One layer and a fixed feature decay: λ_1 of death goes like 1/λ_H.
    for row in record["spectrum"]:
        assert row["critical_weight_decay_band"] == pytest.approx(
            [row["critical_weight_decay"] / 4, row["critical_weight_decay"] * 2]
        )
    assert "quartiles" in str_table(found) and found.plot("sweep").to_dict()
    by_norms = Calibration((1e-3,), counts.samples, "free", "mse", 1e-5, None, 0).forecast(counts)
    assert by_norms.band is None and by_norms.to_dict()["band"] is None


def str_table(found: pen.Forecast) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(found.table())
    return capture.get()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no audit"),
        ('{"calibration": null}', "no calibration"),
        ('{"calibration": {"samples": 3}}', "damaged"),
    ],
)
def test_what_is_no_audit_is_refused(tmp_path, text, message):
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        Calibration.read(path)
    with pytest.raises(FileError, match="no such file"):
        Calibration.read(tmp_path / "missing.json")
