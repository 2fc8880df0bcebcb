"""Audits with other losses than squared error: PyTorch's minima come out as such, its gradients add up the budget."""

import json

import numpy as np
import pytest

import penultimate as pen
from convex_oracles import LOSSES, DenseProblem
from penultimate.audits.against_forecast import network_objective
from penultimate.audits.alignment import align
from penultimate.audits.budgets import class_budget
from penultimate.audits.last_layer import LastLayer, Pull
from penultimate.features.passes import residuals
from penultimate.features.passes.accumulator import Together
from penultimate.features.passes.residuals import Slopes
from penultimate.losses import resolve
from penultimate.report.audit.words import paragraphs
from trained_layers import TrainedLayer

COUNTS = pen.ClassCounts([60, 30, 30, 10])
PARTS = ("decay", "noise", "mixing", "unsettled")


def said(audit):
    """Verdict and findings."""
    return " ".join(paragraphs(audit))


def ideal(loss, decay=2e-2, feature_decay=3e-4, bias="free", counts=COUNTS, layers=1):
    problem = pen.Problem.from_decays(decay, loss=loss, feature_decay=feature_decay, bias=bias, layers=layers)
    solution = pen.minimise(counts, problem, gap=1e-11)
    factors = solution.geometry.factors(d=5)
    labels = np.repeat(np.arange(4), counts.values.astype(int))
    head = pen.Head(factors.weights, factors.bias if bias == "free" else None)
    return factors.means[labels], labels, head, solution


def statistics_of(features, labels):
    statistics = pen.FeatureStatistics(4, features.shape[1])
    statistics.update(features, labels)
    return statistics


def bundled(**more):
    return pen.audit("cnn-ce", **{"weight_decay": 5e-4, "loss": "ce", **more})


@pytest.mark.parametrize(("loss", "bias"), [("ce", True), ("weighted:inverse", False), ("cdt:0.2", True)])
def test_a_layer_trained_to_the_end_tells_the_decay_it_was_trained_with(loss, bias):
    """PyTorch's own loss, one free feature vector a sample: λ_H comes back in both ways, and all of theory §5 holds."""
    trained = TrainedLayer.at_random([12, 6, 6, 2], loss, d=4, bias=bias, feature_decay=2e-3).train()
    audit = trained.audit()
    layer, calibration = audit.last_layer, audit.calibration
    assert calibration.by_norms == pytest.approx(2e-3, rel=1e-5)
    np.testing.assert_allclose(calibration.by_strengths, 2e-3, rtol=1e-4)
    budget, threshold = layer.alignment.budget, calibration.threshold(2e-3)
    np.testing.assert_allclose(budget.lost, threshold, rtol=1e-4)
    np.testing.assert_allclose(budget.decay, threshold, rtol=1e-4)
    for part in ("noise", "mixing", "unsettled"):
        np.testing.assert_allclose(getattr(budget, part), 0.0, atol=1e-3 * threshold)
    np.testing.assert_allclose(layer.alignment.cosine, 1.0, atol=1e-6)
    np.testing.assert_allclose(layer.alignment.strength, layer.forecast_strength, rtol=1e-4)
    assert layer.gram_cosines == pytest.approx((1, 1), abs=1e-6)
    assert layer.excess == pytest.approx(0, abs=1e-9) and layer.unsettled < 1e-4
    assert layer.fits_loss and layer.proven and not layer.weaker.any()


@pytest.mark.parametrize(
    ("loss", "layers"),
    [("mse", 1), ("mse", 2), ("mse:inverse", 1), ("ce", 1), ("smooth:0.1", 1), ("cdt:0.3", 1), ("ce", 2)],
)
def test_the_parts_of_the_budget_add_up_to_pytorchs_gradient(loss, layers):
    """Features and layers at random: unsettled is the gradient of the last layer along each direction, by autograd."""
    trained = TrainedLayer.at_random([12, 7, 7, 4], loss, layers=layers)
    layer = trained.audit().last_layer
    samples = 30
    svd = layer.forecast.geometry.svd
    entry = np.repeat(np.arange(svd.sigma.size), svd.multiplicity)
    slope = trained.gradients()[-1]
    # The gradient that a free bias would leave: features less their mean in every residual.
    left = svd.project("left", slope, entry.size)
    last = svd.project("left", layer.measured.head.weights[-1], entry.size)
    below = np.linalg.multi_dot([np.eye(5), *trained.head.weights[:-1][::-1], np.eye(5)]) if layers > 1 else np.eye(5)
    centre = _bias_slope(trained)
    off = svd.project("left", np.outer(centre, below @ layer.measured.global_mean), entry.size)
    along = np.einsum("rd,rd->r", left - off, last)
    strength = layer.alignment.strength
    expected = -samples * np.bincount(entry, along) / np.bincount(entry) / strength
    budget = layer.alignment.budget
    alive = np.isfinite(budget.decay)
    assert alive.any()
    np.testing.assert_allclose(budget.unsettled[alive], expected[alive], rtol=1e-6, atol=1e-8)
    for found, size in ((budget, alive.sum()), (layer.class_budget, 4)):
        known = np.isfinite(found.decay)
        total = sum(getattr(found, part)[known] for part in PARTS)
        np.testing.assert_allclose(total, found.lost[known], rtol=1e-9, atol=1e-9)
        assert 0 < known.sum() <= size


def _bias_slope(trained):
    """PyTorch's gradient in the bias, without decay."""
    import torch

    return torch.autograd.grad(trained.objective(), [trained.bias])[0].numpy()


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_of_samples_are_those_of_the_dense_problem(name):
    """The gradient of the dense objective in every column, divided by what the column weighs."""
    n = np.array([60.0, 30, 30, 9, 2])
    counts = pen.ClassCounts(n)
    loss = resolve(name, counts)
    rng = np.random.default_rng(0)
    a, b = 8 * rng.standard_normal((5, 5)), rng.standard_normal(5)
    dense, _ = DenseProblem(n, loss, 0.0, "free").slope(a, b)
    ours = loss.slopes((a / np.sqrt(n) + b[:, None]).T, np.arange(5), counts)
    np.testing.assert_allclose(ours, (dense * n.sum() / np.sqrt(n)).T, rtol=1e-10, atol=1e-13)


def test_the_budget_of_squared_error_is_that_of_its_residuals():
    """In closed form, and by summing residuals as for any other loss: the same for every direction and class."""
    trained = TrainedLayer.at_random([12, 7, 7, 4], "mse")
    closed = trained.audit().last_layer
    features, labels = trained.features.detach().numpy(), trained.labels
    slopes = Slopes(statistics_of(features, labels), trained.head, pen.losses.SquaredError(), trained.counts)
    slopes.update(features, labels)
    found = slopes.residuals()
    layer = closed.measured
    pull = Pull(-found.of_class.T * np.sqrt(trained.counts.values), found.within)
    summed = LastLayer(layer.counts, layer.means, layer.head, layer.noise, pull=pull)
    one, other = closed.alignment.budget, align(summed, closed.forecast.geometry.svd, 2e-2).budget
    for part in ("lost", *PARTS):
        np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=1e-8, atol=1e-9)
    ours, theirs = closed.class_budget, class_budget(summed, 2e-2)
    for part in ("decay", "noise", "unsettled"):
        np.testing.assert_allclose(getattr(ours, part), getattr(theirs, part), rtol=1e-8, atol=1e-9)


def test_shards_of_a_pass_add_up_and_go_on_from_their_arrays():
    trained = TrainedLayer.at_random([12, 7, 7, 4], "ce")
    features, labels = trained.features.detach().numpy(), trained.labels
    statistics = statistics_of(features, labels)
    blank = Together({"slopes": Slopes(statistics, trained.head, resolve("ce", trained.counts), trained.counts)})
    whole, parts = blank.fresh(), [blank.fresh(), blank.fresh()]
    whole.update(features, labels)
    for part, rows in zip(parts, (slice(0, 11), slice(11, None)), strict=True):
        part.update(features[rows], labels[rows])
    again = blank.fresh()
    again.restore({name: array.copy() for name, array in parts[0].arrays().items()})
    again.merge(parts[1])
    for name, array in whole.arrays().items():
        np.testing.assert_allclose(again.arrays()[name], array, rtol=1e-12, atol=1e-14)
    twice = blank.fresh()
    twice.update(np.vstack([features, np.full((1, 5), np.nan)])[:-1], labels, np.full(len(labels), 2.0))
    np.testing.assert_allclose(twice.parts["slopes"].arrays()["whole"], 2 * whole.parts["slopes"].arrays()["whole"])


def test_bad_rows_are_left_out_of_residuals_too():
    trained = TrainedLayer.at_random([12, 7, 7, 4], "ce")
    features, labels = trained.features.detach().numpy(), trained.labels
    worse = np.vstack([features, np.full((1, 5), np.nan)])
    more = {"head": trained.head, "weight_decay": 2e-2, "loss": "ce"}
    clean = pen.audit(features, labels, **more)
    dropped = pen.audit(worse, np.append(labels, 0), gaps="drop", **more)
    np.testing.assert_allclose(
        dropped.last_layer.alignment.budget.lost, clean.last_layer.alignment.budget.lost, rtol=1e-9
    )


@pytest.mark.parametrize("loss", ["ce", "cdt:0.2", "mse:inverse"])
def test_a_minimiser_is_its_own_forecast(loss):
    features, labels, head, _ = ideal(loss)
    audit = pen.audit(features, labels, head=head, weight_decay=2e-2, loss=loss)
    layer = audit.last_layer
    assert layer.product_cosine == pytest.approx(1, abs=1e-5)
    assert layer.bias_error < 1e-4
    np.testing.assert_allclose(layer.departure, 0, atol=1e-3)
    np.testing.assert_allclose(layer.alignment.strength, layer.forecast_strength, rtol=1e-3)
    assert f"above the minimum of its own loss ({loss})" in said(audit)
    assert "squared error" not in said(audit) and "No class is weaker" in audit.verdict
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["alignment"]["fits_loss"] is True
    assert record["alignment"]["forecast_status"] == "optimal"
    assert record["alignment"]["directions"][0]["lost"] == pytest.approx(layer.calibration.threshold(3e-4), rel=1e-3)
    assert record["calibration"]["loss"] == loss


def test_weak_classes_are_named_with_any_loss():
    """The head of a minimiser of cross-entropy with half of one class's row, and a shift that no softmax sees."""
    features, labels, head, _ = ideal("ce")
    weight = head.weights[0].copy()
    weight[3] *= 0.5
    weight += np.linspace(-2, 2, 5)
    problem = pen.Problem.from_decays(2e-2, loss="ce", feature_decay=3e-4)
    audit = pen.audit(features, labels, head=pen.Head((weight,), head.bias), problem=problem)
    assert audit.last_layer.weaker.tolist() == [False, False, False, True]
    assert audit.last_layer.departure[3] < -0.3
    assert "One class is weaker than its number of samples explains: 3" in audit.verdict


def test_the_networks_objective_is_written_out():
    """Loss and decays sample by sample, for layers and features that are no minimiser."""
    rng = np.random.default_rng(0)
    means, bias = rng.standard_normal((4, 3)), rng.standard_normal(4)
    below, last = rng.standard_normal((6, 3)), rng.standard_normal((4, 6))
    problem = pen.Problem.from_decays((2e-2, 5e-3), loss="ce", feature_decay=1e-3)
    n = COUNTS.values
    centred = means - n @ means / n.sum()
    value = 0.0
    for k in range(4):
        logits = last @ below @ means[k] + bias
        value += n[k] / n.sum() * (np.log(np.exp(logits).sum()) - logits[k])
    value += 1e-2 * np.sum(below**2) + 2.5e-3 * np.sum(last**2) + 5e-4 * np.sum(n[:, None] * centred**2)
    layer = LastLayer(COUNTS, means, pen.Head((below, last), bias), None)
    assert network_objective(layer, problem) == pytest.approx(value, rel=1e-12)


def test_the_bundled_cross_entropy_network():
    """Figures of the docs: norms and strengths agree, Gram matrices are near, the objective a quarter too high."""
    layer = bundled().last_layer
    calibration = layer.calibration
    thresholds = [calibration.threshold(decay) for decay in (calibration.by_norms, *calibration.by_strengths)]
    assert thresholds == pytest.approx([0.0815, 0.0653, 0.0820, 0.1069], abs=2e-3)
    assert layer.fits_loss
    assert layer.gram_cosines == pytest.approx((0.925, 0.962), abs=2e-3)
    assert layer.product_cosine == pytest.approx(0.989, abs=1e-3)
    assert layer.excess == pytest.approx(0.234, abs=5e-3)
    assert layer.unsettled == pytest.approx(0.36, abs=0.02)
    measured, expected = layer.measured.head.product, layer.forecast.geometry.head_norms
    assert np.corrcoef(np.linalg.norm(measured, axis=1), expected)[0, 1] > 0.9
    budget = layer.alignment.budget
    assert np.all(budget.decay > 2 * budget.noise) and np.all(budget.noise > 0)


def test_the_loss_that_did_not_train_it_leaves_the_head_unsettled():
    """The bundled network as if its logits had been adjusted: no decay explains its residuals."""
    assert bundled(loss="la:1").last_layer.unsettled > 0.9 > 2 * bundled().last_layer.unsettled


def test_another_loss_is_noticed():
    """A head that points elsewhere than any minimiser of cross-entropy."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), [60, 30, 30, 10])
    features = rng.standard_normal((130, 6)) + rng.standard_normal((4, 6))[labels]
    audit = pen.audit(features, labels, head=pen.Head((rng.standard_normal((4, 6)),), np.zeros(4)), loss="ce")
    assert not audit.last_layer.fits_loss
    assert "trained with another loss, or not to the end" in audit.verdict
    assert audit.to_dict()["alignment"]["directions"][0]["lost"] is None


def test_several_layers_are_held_against_the_best_point_found(tmp_path):
    counts = pen.ClassCounts([60, 30, 20, 10])
    features, labels, head, _ = ideal("mse:inverse", 1e-2, 2e-4, counts=counts, layers=2)
    audit = pen.audit(features, labels, head=head, weight_decay=1e-2, loss="mse:inverse")
    layer = audit.last_layer
    assert layer.forecast.solution.outcome is pen.Outcome.BEST_FOUND and not layer.proven
    assert layer.calibration.by_norms == pytest.approx(2e-4, rel=1e-6)
    np.testing.assert_allclose(layer.calibration.by_strengths, 2e-4, rtol=1e-4)
    np.testing.assert_allclose(layer.alignment.strength, layer.forecast_strength, rtol=1e-5)
    assert layer.gram_cosines == pytest.approx((1, 1), abs=1e-6)
    assert layer.excess == pytest.approx(0, abs=1e-9)
    assert "the best point found, which is not proven to be the minimum" in said(audit)
    assert "Feature decay: It is 0.0002 (measured by norms" in said(audit)
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["alignment"]["forecast_status"] == "best_found"
    assert record["alignment"]["threshold_by_norms"] is None
    audit.report(tmp_path / "audit.html")
    assert "not proven to be the minimum" in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_other_samples_than_those_of_training_leave_noise_unknown():
    features, labels, head, _ = ideal("ce")
    some = np.concatenate([np.flatnonzero(labels == k)[:9] for k in range(4)])
    audit = pen.audit(features[some], labels[some], head=head, counts=COUNTS, weight_decay=2e-2, loss="ce")
    budget = audit.last_layer.alignment.budget
    np.testing.assert_allclose(budget.lost, audit.calibration.threshold(3e-4), rtol=1e-5)
    assert np.isnan(budget.noise).all() and np.isnan(budget.unsettled).all() and np.isfinite(budget.decay).all()
    assert np.isnan(audit.last_layer.unsettled) and "not the training samples" in said(audit)


def test_too_many_classes_leave_the_calibration_to_norms(monkeypatch):
    monkeypatch.setattr("penultimate.audits.beside_passes.MOST_CLASSES", 3)
    features, labels, head, _ = ideal("ce")
    audit = pen.audit(features, labels, head=head, weight_decay=2e-2, loss="ce")
    assert residuals.MOST_CLASSES > 3
    assert audit.calibration.by_strengths is None
    assert audit.calibration.by_norms == pytest.approx(3e-4, rel=1e-5)
    assert np.isnan(audit.last_layer.alignment.budget.lost).all() and np.isnan(audit.last_layer.class_budget.lost).all()
    assert "budget" not in audit.to_dict() and audit.to_dict()["alignment"]["directions"][0]["lost"] is None
    with pytest.raises(pen.ProblemError, match="budget"):
        audit.plot("budget")


def test_a_checkpoint_of_another_loss_is_refused(tmp_path, monkeypatch):
    features, labels, head, _ = ideal("ce")
    held, more = tmp_path / "audit.checkpoint", {"head": head, "weight_decay": 2e-2}
    monkeypatch.setattr("penultimate.audits.audit._judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pen.audit(features, labels, loss="ce", checkpoint=held, **more)
    monkeypatch.undo()
    with pytest.raises(pen.FileError, match="loss differ"):
        pen.audit(features, labels, loss="la:1", checkpoint=held, **more)
    audit = pen.audit(features, labels, loss="ce", checkpoint=held, **more)
    assert audit.calibration.by_strengths[1] == pytest.approx(3e-4, rel=1e-4)
    assert not held.exists()


def test_losses_that_do_not_fit_are_refused():
    features, labels, head, _ = ideal("ce")
    with pytest.raises(pen.ProblemError, match="3 weights of the loss for 4 classes"):
        pen.audit(features, labels, head=head, loss=pen.losses.CrossEntropy.weighted([1.0, 2.0, 3.0]))
    with pytest.raises(pen.ProblemError, match="unknown loss"):
        pen.audit(features, labels, head=head, loss="hinge")
    with pytest.raises(pen.ProblemError, match="constant"):
        pen.audit(np.ones_like(features), labels, head=head, loss="ce")


def test_calibrations_of_such_audits_forecast_with_a_band():
    audit = bundled()
    forecast = audit.calibration.forecast(audit.counts, (5e-2,))
    assert forecast.problem.loss == "ce"
    low, high = (end.problem.kappa(audit.counts.samples) for end in forecast.band)
    assert low < forecast.problem.kappa(audit.counts.samples) < high


def test_the_page_names_the_loss_and_draws_its_budget(tmp_path):
    path = tmp_path / "audit.html"
    bundled().report(path)
    page = path.read_text(encoding="utf-8")
    assert "the minimum of its own loss (ce)" in page and "by strengths, lower quartile" in page
    assert "squared error leaves one" not in page and "add up to the pull" in page
    assert "as a share of what decay and noise took" in page


@pytest.mark.parametrize("loss", ["ce", "cdt:0.2", "mse:inverse"])
def test_a_class_without_samples_takes_no_part(loss):
    """A fifth class, with a row in the head and no samples: all figures of the others stay, its own are null."""
    features, labels, head, _ = ideal(loss)
    bias = np.append(head.bias, -40.0 if loss != "mse:inverse" else 0.0)
    wider = pen.Head((np.vstack([head.weights[0], np.zeros(5)]),), bias)
    counts = pen.ClassCounts([*COUNTS.values, 0.0])
    audit = pen.audit(features, labels, head=wider, counts=counts, weight_decay=2e-2, loss=loss)
    budget = audit.last_layer.alignment.budget
    np.testing.assert_allclose(budget.lost, audit.calibration.threshold(3e-4), rtol=1e-4)
    np.testing.assert_allclose(budget.unsettled, 0.0, atol=1e-4 * budget.lost[0])
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["classes"][4]["lost"] is None and record["classes"][4]["lift"] is None
    assert record["classes"][0]["lost"] is not None
    assert pen.audit_head(wider, counts, loss=loss).gram_distance < 0.2


@pytest.mark.parametrize("values", [[600, 300, 100, 30, 10], [5000, 3000, 1500, 800, 400, 200, 100, 50]])
@pytest.mark.parametrize("decay", [1e-2, 1e-3])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_the_loss_that_trained_a_network_is_proposed(loss, decay, values):
    """Exact minimisers of either loss, audited as if the other had trained them, and as they were."""
    counts = pen.ClassCounts(values)
    factors = pen.forecast(counts, decay, loss=loss, feature_ratio=1.0).geometry.factors(d=len(values))
    labels = np.repeat(np.arange(len(values)), values)
    head = pen.Head(factors.weights, factors.bias)
    other = "ce" if loss == "mse" else "mse"
    wrong = pen.audit(factors.means[labels], labels, head=head, weight_decay=decay, loss=other)
    assert wrong.last_layer.likely_loss == loss == wrong.to_dict()["alignment"]["likely_loss"]
    assert f"try --loss {loss}." in said(wrong)
    right = pen.audit(factors.means[labels], labels, head=head, weight_decay=decay, loss=loss)
    assert right.last_layer.likely_loss is None and "ry --loss" not in said(right)


def test_the_loss_of_the_bundled_networks_is_proposed():
    assert "The bias grows with log n as with cross-entropy: try --loss ce." in said(pen.audit("cnn-ce"))
    assert pen.audit("cnn-mse", loss="ce").last_layer.likely_loss == "mse"
    assert pen.audit("cnn-mse").last_layer.likely_loss is bundled().last_layer.likely_loss is None


def test_strong_directions_of_like_counts_and_of_adjusted_logits_are_told():
    for values, loss, expected in (
        ([50] * 4, "ce", "ce"),
        ([5000, 3000, 1500, 800, 400, 200, 100, 50], "la:1", "la:1"),
    ):
        counts = pen.ClassCounts(values)
        factors = pen.forecast(counts, 1e-2, loss=loss, feature_ratio=1.0).geometry.factors(d=len(values))
        labels = np.repeat(np.arange(len(values)), values)
        audit = pen.audit(
            factors.means[labels], labels, head=pen.Head(factors.weights, factors.bias), weight_decay=1e-2
        )
        assert audit.last_layer.likely_loss == expected and f"try --loss {expected}." in said(audit)


def test_classes_of_few_samples_are_marked():
    counts = pen.ClassCounts([101, 100, 20, 3])
    labels = np.repeat(np.arange(4), counts.values.astype(int))
    audit = pen.audit(np.eye(4)[labels], labels, head=pen.Head((np.eye(4),)))
    assert audit.short_of_samples.tolist() == [False, True, True, True]
    assert [row["short_of_samples"] for row in audit.to_dict()["classes"]] == [False, True, True, True]
