import json

import numpy as np
import pytest

import penultimate as pen
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.features.passes.one_process import run
from penultimate.features.passes.replicates import Replicates
from penultimate.report.audit.words import paragraphs


def said(audit):
    """Verdict and findings."""
    return " ".join(paragraphs(audit))


@pytest.fixture(scope="module")
def cnn():
    return pen.audit("cnn-mse", weight_decay=5e-4)


def test_the_squared_error_network_shows_the_figures_of_the_theory(cnn):
    alignment = cnn.last_layer.alignment
    assert alignment.off_diagonal_share == pytest.approx(0.0067, abs=5e-5)
    assert alignment.head_off_diagonal_share == pytest.approx(0.21, abs=5e-3)
    assert alignment.means_off_diagonal_share == pytest.approx(0.41, abs=5e-3)
    assert cnn.last_layer.measured.bias_error == pytest.approx(4.3e-4, abs=1e-5)
    ratio = alignment.strength / alignment.sigma
    assert (ratio.min().round(2), ratio.max().round(2)) == (0.99, 1.02)
    assert (alignment.cosine.min().round(2), alignment.cosine.max().round(2)) == (0.46, 0.92)
    assert cnn.decisions.accuracy == pytest.approx(0.9999, abs=5e-5)
    assert cnn.last_layer.fits_squared_error and cnn.last_layer.dead == (0, 0)


def test_the_cross_entropy_network_is_told_from_squared_error():
    audit = pen.audit("cnn-ce", weight_decay=5e-4)
    assert audit.last_layer.alignment.off_diagonal_share == pytest.approx(0.134, abs=1e-3)
    assert not audit.last_layer.fits_squared_error and not audit.last_layer.weaker.any()
    assert "does not look as squared error leaves one" in audit.verdict and audit.calibration.by_strengths is None


def test_test_samples_with_training_counts_give_test_accuracy_and_no_noise_share():
    audit = pen.audit("cnn-mse-test", counts=pen.datasets.counts("fashion-mnist-lt"))
    assert audit.decisions.accuracy == 0.8393
    assert np.isnan(audit.last_layer.alignment.budget.noise).all()
    assert (
        audit.last_layer.weaker[6] and "One class is weaker than its number of samples explains: 6 (" in audit.verdict
    )


def test_intervals_hold_the_figures_and_recall_has_wilsons(cnn):
    low, high = cnn.intervals["metrics/nc1"]
    assert low < cnn.metrics.nc1 < high
    for name, value in (("strength", cnn.last_layer.alignment.strength), ("cosine", cnn.last_layer.alignment.cosine)):
        interval = cnn.intervals[f"alignment/{name}"]
        assert np.all(interval[:, 0] <= value) and np.all(value <= interval[:, 1])
    # Wilson's interval of 60 of 60, by hand: from 60 / (60 + 1.959964²) to 1.
    np.testing.assert_allclose(cnn.recall_interval[9], (60 / 63.841459, 1.0), atol=1e-6)


def test_norms_go_with_the_counts_of_training_not_with_those_of_the_test():
    counts = pen.datasets.counts("fashion-mnist-lt")
    audit = pen.audit("cnn-mse-test", counts=counts)
    slope = np.polyfit(np.log(counts.values), np.log(audit.classes.head_norm), 1)[0]
    assert audit.metrics.head_norm_slope == pytest.approx(slope)
    assert "These are not the training samples" in said(audit)


def test_a_quarter_of_directions_that_lost_nothing_leave_the_band_open(cnn):
    assert cnn.calibration.open_below and "(by the strengths of 7 directions; quartiles 0 to 0.17)" in said(cnn)
    assert not pen.audit("cnn-mse-test", counts=pen.datasets.counts("fashion-mnist-lt")).calibration.open_below


def test_equal_means_and_classes_that_all_merged_are_said_so():
    labels = np.repeat(np.arange(3), [9, 5, 2])
    assert "All class means are equal" in pen.audit(np.ones((16, 2)), labels).verdict
    noise = np.random.default_rng(0).normal(size=(160, 2))
    audit = pen.audit(noise, np.repeat(labels, 10))
    assert "2 pairs of 3 classes have merged, nearest of all " in audit.verdict
    assert audit.to_dict()["metrics"]["merged_pairs"] == 2 == audit.to_dict()["noise"]["tested"]
    collapsed = pen.audit(np.eye(3)[labels], labels).verdict
    assert "classifies all of 16 samples correctly. " in collapsed and "No two classes have merged" in collapsed


@pytest.mark.parametrize("counts", [[30, 5], [1, 1, 1], [9, 5, 2]])
def test_few_classes_few_samples_and_many_features_are_audited(counts):
    labels, rng = np.repeat(np.arange(len(counts)), counts), np.random.default_rng(1)
    head = pen.Head((rng.normal(size=(len(counts), 50)),), rng.normal(size=len(counts)))
    audit = pen.audit(rng.normal(size=(labels.size, 50)), labels, head=head)
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert len(record["alignment"]["directions"]) == np.unique(counts).size - (len(set(counts)) == len(counts))
    assert audit.recall_interval.shape == (len(counts), 2) and audit.table()


def test_departures_from_a_foreign_law_are_not_told():
    record = pen.audit("cnn-ce").to_dict()
    assert {row["departure"] for row in record["classes"]} == {None}
    for name in ("lost_to_decay", "lost_to_noise", "lost_to_others", "unsettled"):
        assert {row[name] for row in record["alignment"]["directions"]} == {None}


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_heads_gram_matrix_of_a_minimiser_is_the_forecasts(layers):
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3, layers=layers, feature_decay=1e-5)
    ideal = forecast.geometry.factors(d=6)
    labels = np.repeat(np.arange(4), [60, 30, 10, 5])
    head = pen.Head(ideal.weights, ideal.bias)
    audit = pen.audit(ideal.means[labels], labels, head=head, problem=forecast.problem)
    assert audit.metrics.head_distance_to_forecast < 1e-6
    gram = forecast.geometry.product_gram.dense()
    np.testing.assert_allclose(gram, ideal.product @ ideal.product.T, atol=1e-9 * gram.max())


def test_an_ideal_network_keeps_the_law_and_is_not_called_weak():
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-2, feature_decay=1e-4)
    ideal = forecast.geometry.factors(d=6)
    labels = np.repeat(np.arange(4), [60, 30, 10, 5])
    audit = pen.audit(ideal.means[labels], labels, head=pen.Head(ideal.weights, ideal.bias), weight_decay=1e-2)
    np.testing.assert_allclose(audit.last_layer.departure, 0.0, atol=1e-6)
    assert audit.metrics.distance_to_forecast < 1e-6 and not audit.last_layer.weaker.any()
    assert audit.calibration.feature_decay == pytest.approx(1e-4)


def test_without_a_head_the_nearest_mean_answers(cnn):
    with np.load("src/penultimate/data/features/cnn-mse.npz") as file:
        audit = pen.audit(file["H"], file["y"])
    assert audit.last_layer is None and audit.to_dict()["alignment"] is None
    np.testing.assert_array_equal(audit.decisions.recall, cnn.decisions.recall_by_means)


def test_the_record_is_json_with_the_documented_keys(cnn):
    record = json.loads(json.dumps(cnn.to_dict(), allow_nan=False))
    assert {"penultimate", "counts", "features", "metrics", "alignment", "classes", "verdict"} <= record.keys()
    assert record["features"]["samples"] == 14886 and record["features"]["dtype"] == "float16"
    wanted = {"nc1", "nc1_cdnv", "nc2_equinorm", "nc2_equiangular", "nc3_duality", "nc4_agreement"}
    assert wanted <= record["metrics"].keys()
    assert {"classes", "samples", "largest", "smallest", "ratio", "distinct", "unseen"} <= record["counts"].keys()
    wanted = {"off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share", "bias_error"}
    assert wanted | {"effective_feature_decay", "threshold_by_strengths"} <= record["alignment"].keys()
    wanted = {"sigma", "multiplicity", "forecast", "measured", "cosine", "lost_to_decay", "lost_to_noise"}
    assert wanted <= record["alignment"]["directions"][0].keys()
    wanted = {"class", "count", "recall", "spread", "mean_norm", "head_norm", "nearest", "nearest_cosine", "retained"}
    assert wanted <= record["classes"][0].keys()
    assert record["classes"][9]["count"] == 60


def test_figures_of_an_absent_class_are_null():
    labels = np.repeat([0, 2], 5)
    features = np.random.default_rng(1).normal(size=(10, 3))
    audit = pen.audit(features, labels, head=pen.Head((np.eye(3),), np.zeros(3)))
    row = audit.to_dict()["classes"][1]
    assert row["count"] == 0 and row["recall"] is None and row["mean_norm"] is None and row["nearest"] is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"features": np.ones((4, 2))}, pen.FeaturesError, "needs labels"),
        ({"features": "cnn-mse", "labels": [1]}, pen.FeaturesError, "labels are for arrays"),
        ({"features": "cnn-mse", "counts": pen.ClassCounts([5, 4])}, pen.FeaturesError, "numbers of classes"),
        ({"features": "cnn-mse", "head": pen.Head((np.eye(10),), np.zeros(10))}, pen.FeaturesError, "width"),
        ({"features": "cnn-mse", "problem": pen.Problem.from_decays(bias=0.1)}, pen.ProblemError, "pass bias='free'"),
        ({"features": "cnn-mse", "problem": pen.Problem.from_decays(layers=2)}, pen.ProblemError, "2 layers"),
        (
            {"features": "cnn-mse", "problem": pen.Problem.from_decays(bias="none")},
            pen.ProblemError,
            "no bias but the head has one: pass bias='free'",
        ),
        ({"features": np.empty((0, 2)), "labels": np.empty(0, dtype=int)}, pen.FeaturesError, "least"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        pen.audit(**arguments)


class Stop(Exception):
    pass


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_an_interrupted_audit_goes_on_to_the_same_bits(tmp_path, blocks):
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, size=150_000)
    source = pen.ArraySource(rng.normal(size=(150_000, 3)).astype(np.float32), labels)
    whole = Replicates(4, 3, 3)
    run(source, whole, "features")
    seen = []

    def interrupt(rows):
        seen.append(rows)
        if len(seen) == blocks:
            raise Stop

    path, settings = tmp_path / "audit.checkpoint", {"data": source.fingerprint}
    if blocks <= len(list(source.batches())):
        with pytest.raises(Stop):
            run(source, Replicates(4, 3, 3), "features", Checkpoint(path, settings, seconds=0), interrupt)
    again = Replicates(4, 3, 3)
    resumed = Checkpoint(path, settings, seconds=0)
    run(source, again, "features", resumed)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    resumed.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "audit.checkpoint"
    Checkpoint(path, {"data": "a", "classes": 2}, seconds=0).keep("features", Replicates(2, 2, 1), 0)
    with pytest.raises(pen.FileError, match="of another run \\(data differ\\)"):
        Checkpoint(path, {"data": "b", "classes": 2})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(pen.FileError, match="damaged"):
        Checkpoint(path, {"data": "a", "classes": 2})
    pen.FeatureStatistics.from_features(np.eye(2), np.array([0, 1])).save(path)
    with pytest.raises(pen.FileError, match="no penultimate checkpoint"):
        Checkpoint(path, {"data": "a", "classes": 2})


def test_an_audit_with_a_checkpoint_leaves_nothing_behind(tmp_path, cnn):
    audit = pen.audit("cnn-mse", checkpoint=tmp_path / "c")
    assert audit.to_dict() == cnn.to_dict() and list(tmp_path.iterdir()) == []


def test_parts_are_disjoint_even_and_add_up():
    features, labels = np.random.default_rng(6).normal(size=(97, 4)), np.random.default_rng(7).integers(0, 3, 97)
    replicates = Replicates(3, 4, 4)
    for start in range(0, 97, 10):
        replicates.update(features[start : start + 10], labels[start : start + 10])
    parts = np.stack([part.counts for part in replicates.parts])
    np.testing.assert_array_equal(parts.sum(axis=0), np.bincount(labels))
    assert np.all(parts.max(axis=0) - parts.min(axis=0) <= 1)
    whole = pen.FeatureStatistics.from_features(features, labels)
    np.testing.assert_allclose(replicates.whole.within_scatter, whole.within_scatter, rtol=1e-12, atol=1e-12)
    without = replicates.leave_one_out[0]
    np.testing.assert_allclose(without.merge(replicates.parts[0]).means, whole.means, rtol=1e-12, atol=1e-14)


def test_the_command_writes_a_page(penultimate, tmp_path):
    status, out, err = penultimate("audit", "cnn-mse", "--html", tmp_path / "a.html")
    assert status == 0 and "measured T" in out and err == f"wrote {tmp_path / 'a.html'}\n"
    assert "Audit of a trained network" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_the_command_audits_and_forecasts_from_the_audit(penultimate, tmp_path):
    path = tmp_path / "audit.json"
    status, out, _ = penultimate("audit", "cnn-mse", "--json", path)
    assert status == 0 and "measured T" in out and "every network that fits its labels" in " ".join(out.split())
    law = pen.audit("cnn-mse").calibration.law
    arguments = ("forecast", "fashion-mnist-lt", "--calibrate", path, "--weight-decay", "2")
    status, out, _ = penultimate(*arguments)
    assert status == 0 and "The law is read off one run" in out and "90 % interval" in out
    status, out, _ = penultimate(*arguments, "--json", "-")
    assert json.loads(out)["solution"]["threshold"] == pytest.approx(law.threshold(2.0, law.samples))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit", "nowhere.npz"), "no such file"),
        (("audit", "cnn-mse", "--counts", "lvis"), "different numbers of classes"),
        (("audit", "cnn-mse", "--loss", "hinge"), "unknown loss"),
        (("audit", "cnn-ce", "--loss", "ce", "--torch-loss", "mse"), "--torch-loss mse beside --loss ce"),
        (("forecast", "lvis", "--calibrate", "nowhere.json"), "nowhere.json: "),
        (("forecast", "lvis", "--calibrate", "nowhere.json", "--bias", "none"), "--bias beside --calibrate"),
        (("forecast", "lvis", "--weight-decay", "1,2", "--layers", "1"), "2 weight decays for 1 layer:"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(penultimate, arguments, message):
    status, out, err = penultimate(*arguments)
    assert status == 2 and out == "" and err.count("\n") == 1 and message in err


def test_pytorchs_mean_squared_error_halves_and_counts_classes(penultimate):
    _, out, _ = penultimate("audit", "cnn-mse", "--torch-loss", "mse", "--json", "-")
    assert json.loads(out)["calibration"]["weight_decay"] == [pytest.approx(5e-4 * 5)]
