import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from oracles import label_matrix
from penultimate.audits import head_rows
from penultimate.report.head_audit.page import page as head_page

FASHION = pen.datasets.counts("fashion-mnist-lt")


def random_head(classes, dimension, seed, **more):
    rng = np.random.default_rng(seed)
    return pen.Head((rng.normal(size=(classes, dimension)),), rng.normal(size=classes), **more)


def dense(head, counts, centred=True):
    """P = UᵀW and its W, as NumPy finds them."""
    u, sigma, _ = np.linalg.svd(label_matrix(counts, centred=centred))
    weight = head.product - head.product.mean(axis=0) if centred else head.product
    return u[:, sigma > 1e-9 * sigma[0]].T @ weight, weight


@settings(max_examples=30)
@given(st.lists(st.integers(1, 900), min_size=2, max_size=9, unique=True), st.integers(2, 12), st.integers(0, 99))
def test_figures_are_those_of_dense_linear_algebra(counts, dimension, seed):
    head = random_head(len(counts), dimension, seed)
    audit = pen.audit_head(head, pen.ClassCounts(counts), loss="mse")
    p, weight = dense(head, counts)
    np.testing.assert_allclose(audit.direction_norm, np.linalg.norm(p, axis=1), atol=1e-7)
    gram = p @ p.T
    share = np.sqrt(max(0.0, 1 - np.sum(np.diag(gram) ** 2) / np.sum(gram**2)))
    assert audit.off_diagonal_share == pytest.approx(share, abs=1e-6)
    values = np.linalg.svd(weight, compute_uv=False)[: len(counts) - 1]
    np.testing.assert_allclose(audit.singular_values, values, atol=1e-7 * values[0])
    np.testing.assert_allclose(audit.norms, np.linalg.norm(weight, axis=1))
    cosines = weight @ weight.T / np.outer(audit.norms, audit.norms)
    np.fill_diagonal(cosines, -np.inf)
    np.testing.assert_allclose(audit.nearest_cosine, cosines.max(axis=1), atol=1e-12)
    assert np.all(cosines[np.arange(len(counts)), audit.nearest] >= cosines.max(axis=1) - 1e-12)


@pytest.mark.parametrize("bias", ["free", "none"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("counts", [[60, 30, 10], [50, 50, 20, 20, 20, 3], [9, 9, 9], [40, 7]])
def test_the_head_of_a_minimiser_agrees_with_its_forecast(counts, layers, bias):
    known = pen.ClassCounts(counts)
    problem = pen.Problem.from_decays(2e-3, layers=layers, feature_decay=3e-5, bias=bias)
    forecast = pen.forecast(known, problem=problem)
    ideal = forecast.geometry.factors(d=8)
    audit = pen.audit_head(pen.Head(ideal.weights, ideal.bias if bias == "free" else None), known, problem=problem)
    assert audit.off_diagonal_share < 1e-6
    for shape in (audit.along, audit.spectrum):
        assert shape.scale == pytest.approx(1.0) and shape.error < 1e-6
    np.testing.assert_allclose(audit.norms, audit.expected_norms, rtol=1e-9)
    np.testing.assert_allclose(audit.norms, np.linalg.norm(ideal.product, axis=1), rtol=1e-9)
    gram = ideal.product @ ideal.product.T / np.outer(audit.norms, audit.norms)
    np.fill_diagonal(gram, -np.inf)
    np.testing.assert_allclose(audit.nearest_cosine, gram.max(axis=1), atol=1e-9)
    assert audit.dead == audit.zero_rows == (0, 0) and audit.rows.identical == ()
    assert audit.slopes[0] == pytest.approx(audit.slopes[2], nan_ok=True)
    ratio = 3e-5 * known.samples / 2e-3
    assert audit.implied_ratio == pytest.approx(ratio)
    if bias == "free":
        assert audit.bias_sum == pytest.approx(1.0) and audit.bias_error < 1e-12 and audit.mean_row_share < 1e-9
    else:
        assert np.isnan([audit.bias_sum, audit.bias_error, audit.mean_row_share]).all()


@pytest.mark.parametrize("layers", [1, 2])
def test_only_the_scale_tells_another_feature_decay_where_decay_is_weak(layers):
    ideal = pen.forecast(FASHION, 1e-6, layers=layers, feature_ratio=26.0).geometry.factors(d=12)
    audit = pen.audit_head(pen.Head(ideal.weights, ideal.bias), FASHION, weight_decay=1e-6)
    assert audit.along.error < 1e-3 < 0.3 < audit.along.flat_error
    assert audit.implied_ratio == pytest.approx(26.0, rel=0.02)


def test_dead_directions_and_lost_rows_are_those_of_the_forecast():
    counts = pen.ClassCounts([400, 200, 100, 2, 2, 2])
    forecast = pen.forecast(counts, weight_decay=0.1, feature_ratio=1.0)
    ideal = forecast.geometry.factors(d=6)
    audit = pen.audit_head(pen.Head(ideal.weights, ideal.bias), counts, weight_decay=0.1)
    dead = forecast.directions - forecast.survivors
    assert dead == 3 and audit.dead == (dead, dead)
    # What is left of the lost classes' rows is one and the same, and a 250th of the others'.
    assert audit.zero_rows == (3, 3) and {3, 4, 5} <= set(audit.neighbours.merged[0].tolist())
    np.testing.assert_allclose(audit.nearest_cosine[3:], 1.0)


@pytest.mark.parametrize("bias", ["free", "none"])
@pytest.mark.parametrize(("loss", "layers"), [("ce", 1), ("cdt:0.3", 1), ("mse:inverse", 1), ("ce", 2)])
def test_the_head_of_a_minimiser_of_any_loss_agrees_with_its_forecast(loss, layers, bias):
    """With a shift of all logits that the loss does not see, which is taken off whatever the scales are."""
    known = pen.ClassCounts([60, 30, 20, 8])
    problem = pen.Problem.from_decays(1e-2, layers=layers, feature_decay=2e-4, bias=bias, loss=loss)
    ideal = pen.minimise(known, problem).geometry.factors(d=6)
    weights, shift = list(ideal.weights), pen.losses.unseen_shift(loss, known)
    if shift is None and bias == "free":
        shift = np.ones(4)
    if shift is not None:
        weights[-1] = weights[-1] + np.outer(shift, np.linspace(-0.1, 0.1, 6))
    audit = pen.audit_head(pen.Head(tuple(weights), ideal.bias if bias == "free" else None), known, problem=problem)
    assert audit.off_diagonal_share < 1e-5 and audit.gram_distance < 1e-5
    for shape in (audit.along, audit.spectrum):
        assert shape.scale == pytest.approx(1.0, rel=1e-5) and shape.error < 1e-5
    np.testing.assert_allclose(audit.norms, audit.expected_norms, rtol=1e-5)
    assert audit.implied_ratio == pytest.approx(2e-4 * 118 / 1e-2, rel=1e-4)
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["alignment"]["forecast_status"] == ("best_found" if layers == 2 else "optimal")
    assert (record["bias"]["sum"] is None) == (loss != "mse:inverse" or bias == "none")
    assert ("not proven" in str(audit.table().renderables[2].columns[1]._cells)) == (layers == 2)


@pytest.mark.parametrize("loss", ["mse", "ce", "cdt:0.3"])
def test_the_distance_of_gram_matrices_is_that_of_dense_ones(loss):
    audit = pen.audit_head("cnn-ce", FASHION, loss=loss)
    shift = pen.losses.unseen_shift(loss, FASHION)
    shift = np.ones(10) if shift is None else shift
    weight = audit.head.product - np.outer(shift, shift @ audit.head.product / (shift @ shift))
    expected = pen.metrics.gram_distance(weight, audit.forecast.geometry.product_gram)
    assert audit.gram_distance == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(audit.rows.rows(np.arange(10)), weight, atol=1e-12)


def test_the_bundled_heads_against_their_own_losses():
    """Figures of the docs: the scale of cnn-ce makes no sense for squared error, and some for its own loss."""
    own, other = (pen.audit_head("cnn-ce", FASHION, loss=loss) for loss in ("ce", "mse"))
    assert own.implied_ratio == pytest.approx(4.4, abs=0.1) and other.implied_ratio > 300
    assert own.along.error == pytest.approx(0.082, abs=2e-3)
    assert own.along.error < other.along.error
    assert "fully absorbed by the bias" in own.verdict and "Bias on log n" in head_page(own).whole()


def test_the_bundled_heads_tell_their_losses_by_their_biases():
    squared, entropy = (pen.audit_head(name, FASHION) for name in ("cnn-mse", "cnn-ce"))
    whole = pen.audit("cnn-mse")
    assert squared.off_diagonal_share == pytest.approx(whole.last_layer.alignment.head_off_diagonal_share, rel=1e-6)
    np.testing.assert_allclose(squared.direction_norm, whole.last_layer.alignment.head_norm, rtol=1e-6)
    assert squared.bias_sum == pytest.approx(0.958, abs=1e-3) and entropy.bias_sum == pytest.approx(0.065, abs=1e-3)
    assert "as squared error makes them" in squared.verdict and "another loss" in entropy.verdict
    # What the features say of the feature decay is less than what the head alone would have it, as it must be.
    assert whole.calibration.by_norms * FASHION.samples / 5e-4 < squared.implied_ratio
    x = np.log(FASHION.values)
    assert entropy.bias_on_log_counts[0] == pytest.approx(np.polyfit(x, entropy.head.offset, 1)[0])
    assert entropy.bias_on_log_counts[1] == pytest.approx(np.corrcoef(x, entropy.head.offset)[0, 1])


def test_merged_identical_and_zero_rows_are_named():
    head = random_head(9, 20, 1)
    weight = head.weights[0].copy()
    weight[4], weight[5] = weight[3] * 1.5 + 0.01, weight[3] * 0.7
    weight[7] = weight[6]
    weight[8] = 0.0
    names = [f"c{index}" for index in range(9)]
    audit = pen.audit_head(pen.Head((weight,)), pen.ClassCounts(dict(zip(names, range(9, 0, -1), strict=True))))
    assert [group.tolist() for group in audit.neighbours.merged] == [[3, 4, 5], [6, 7]]
    assert [group.tolist() for group in audit.rows.identical] == [[6, 7]]
    assert audit.zero_rows[0] == 1 and audit.nearest[8] == -1 and np.isnan(audit.nearest_cosine[8])
    assert "2 groups of rows point the same way (cosine 0.9 or more), the largest c3, c4, c5." in audit.verdict
    assert "2 rows are exactly equal to another one (such as c6, c7)." in audit.verdict
    assert audit.to_dict()["rows"]["identical"] == [["c6", "c7"]]
    strict = pen.audit_head(pen.Head((weight,)), audit.counts, merged_at=1.0)
    assert all(group.size == 2 for group in strict.neighbours.merged)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layers", [1, 2])
def test_blocks_do_not_change_the_result(monkeypatch, dtype, layers):
    rng = np.random.default_rng(4)
    shapes = [(11, 7), (90, 11)] if layers == 2 else [(90, 7)]
    head = pen.Head(tuple(rng.normal(size=shape).astype(dtype) for shape in shapes), rng.normal(size=90))
    counts = pen.ClassCounts(rng.integers(1, 400, size=90))
    whole = pen.audit_head(head, counts, merged_at=0.8, loss="mse")
    monkeypatch.setattr(head_rows, "_ENTRIES", 100)
    monkeypatch.setattr(head_rows, "_TABLE", (4, 9))
    pieces = pen.audit_head(head, counts, merged_at=0.8, loss="mse")
    np.testing.assert_allclose(pieces.direction_norm, whole.direction_norm, rtol=1e-10)
    np.testing.assert_allclose(pieces.singular_values, whole.singular_values, rtol=1e-7)
    np.testing.assert_allclose(pieces.nearest_cosine, whole.nearest_cosine, atol=1e-6)
    assert [g.tolist() for g in pieces.neighbours.merged] == [g.tolist() for g in whole.neighbours.merged] != []


def test_beyond_a_budget_the_rarest_classes_are_compared_and_it_is_said(monkeypatch):
    counts = pen.ClassCounts(np.arange(40, 0, -1))
    head = random_head(40, 5, 2)
    monkeypatch.setattr(head_rows, "WORK", 40 * 5 * 6)
    audit = pen.audit_head(head, counts, loss="mse")
    assert sorted(audit.neighbours.compared.tolist()) == [34, 35, 36, 37, 38, 39]
    assert np.all(audit.nearest[:34] == -1) and np.all(audit.nearest[34:] >= 0)
    assert "among the 6 rarest classes and all others" in audit.verdict
    assert audit.to_dict()["classes"][0]["nearest"] is None and audit.to_dict()["rows"]["compared"] == 6


def test_fifty_thousand_classes_take_memory_in_proportion_to_the_head(monkeypatch):
    classes, dimension, compared = 50_000, 64, 3_000
    monkeypatch.setattr(head_rows, "WORK", classes * dimension * compared)
    rng = np.random.default_rng(0)
    head = pen.Head((rng.normal(size=(classes, dimension)).astype(np.float16),), np.zeros(classes))
    counts = pen.ClassCounts(np.maximum(1.0, np.round(1e5 / np.arange(1, classes + 1))))
    pen.audit_head("cnn-mse", FASHION)  # kernels are compiled, libraries loaded
    tracemalloc.start()
    audit = pen.audit_head(head, counts, loss="mse")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A float64 copy of the head is 26 MB, K × K numbers would be 20 GB.
    assert peak < 400e6
    assert audit.singular_values.size == dimension and audit.neighbours.compared.size == compared
    assert audit.forecast.survivors <= dimension


def test_classes_without_samples_have_a_row_and_no_forecast():
    counts = pen.ClassCounts([0, 60, 30, 0, 10])
    head = random_head(5, 4, 3)
    audit = pen.audit_head(head, counts)
    alone = pen.audit_head(pen.Head((head.weights[0][[1, 2, 4]],), head.bias[[1, 2, 4]]), pen.ClassCounts([60, 30, 10]))
    np.testing.assert_allclose(audit.direction_norm, alone.direction_norm)
    np.testing.assert_allclose(audit.norms[[1, 2, 4]], alone.norms)
    row = audit.to_dict()["classes"][0]
    assert row["forecast_norm"] is None and row["count"] == 0
    mean = head.product[[1, 2, 4]].mean(axis=0)
    assert row["head_norm"] == pytest.approx(np.linalg.norm(head.product[0] - mean))


def test_a_narrow_head_is_forecast_with_its_width():
    counts = pen.ClassCounts(np.arange(12, 0, -1) * 50)
    audit = pen.audit_head(random_head(12, 4, 5), counts, loss="mse")
    assert audit.forecast.problem.width == 4 and audit.forecast.survivors == 4
    assert audit.singular_values.size == 4 and audit.dead[1] == 7


def test_without_any_direction_left_there_is_no_scale_and_it_is_said():
    audit = pen.audit_head("cnn-mse", FASHION, weight_decay=10.0)
    assert np.isnan(audit.along.scale) and "no direction survives" in audit.verdict
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["alignment"]["scale"] is None and record["alignment"]["directions"][0]["forecast"] is None


def test_the_record_is_json_with_the_documented_keys():
    record = json.loads(json.dumps(pen.audit_head("cnn-ce", FASHION).to_dict(), allow_nan=False))
    documented = Path("docs/audit.md").read_text()
    keys = ["penultimate", "counts", "head", "problem", "alignment", "spectrum", "noise", "norms", "bias", "rows"]
    keys.append("classes")
    assert list(record) == [*keys, "notes", "verdict"]
    for part in keys[2:]:
        inner = record[part][0] if isinstance(record[part], list) else record[part]
        assert all(f"`{name}`" in documented for name in inner if part != "problem"), part
    assert len(record["alignment"]["directions"]) == 9 and len(record["classes"]) == 10


@pytest.mark.parametrize(
    ("head", "counts", "more", "error", "message"),
    [
        (random_head(3, 2, 0), [5, 4], {}, pen.FeaturesError, "3 classes and the counts have 2"),
        (random_head(1, 2, 0), [5, 4], {}, pen.FeaturesError, "one row"),
        (pen.Head((np.zeros((2, 3)),)), [5, 4], {}, pen.FeaturesError, "rows of the head are equal"),
        (pen.Head((np.ones((2, 3)),), np.zeros(2)), [5, 4], {}, pen.FeaturesError, "rows of the head are equal"),
        (random_head(2, 2, 0), [5, 4], {"merged_at": 0.0}, pen.ProblemError, r"in \(0, 1\]"),
        (
            random_head(2, 2, 0),
            [5, 4],
            {"problem": pen.Problem.from_decays(bias=0.1)},
            pen.ProblemError,
            "pass bias='free'",
        ),
        (random_head(2, 2, 0), [5, 4], {"loss": "hinge"}, pen.ProblemError, "unknown loss"),
        (random_head(2, 2, 0), [5, 4], {"loss": "smooth:2"}, pen.ProblemError, "label smoothing must be"),
        (random_head(2, 2, 0), [5, 4], {"weight_decay": -1.0}, pen.ProblemError, "positive"),
    ],
)
def test_what_does_not_fit_is_refused(head, counts, more, error, message):
    with pytest.raises(error, match=message):
        pen.audit_head(head, pen.ClassCounts(counts), **more)


def test_the_command_audits_a_checkpoint(penultimate, tmp_path):
    weight = np.random.default_rng(0).normal(size=(10, 9))
    arrays = {"fc.weight": weight, "fc.bias": np.full(10, 0.1), "head.weight": weight, "head.bias": np.zeros(10)}
    np.savez(tmp_path / "model.npz", **arrays)
    given = ("audit", tmp_path / "model.npz", "--head-only", "--counts", "fashion-mnist-lt")
    status, out, err = penultimate(*given)
    assert (status, out) == (2, "") and "choose one (key=, --key)" in err and err.count("\n") == 1
    page, record = tmp_path / "page.html", tmp_path / "record.json"
    status, out, err = penultimate(*given, "--key", "fc.weight", "--html", page, "--json", record)
    assert status == 0 and "The biases add up to 1" in " ".join(out.split())
    assert err == f"head: fc.weight (10 × 9), bias fc.bias\nwrote {page}\nwrote {record}\n"
    expected = pen.audit_head(pen.Head((weight,), np.full(10, 0.1)), FASHION).to_dict()
    assert json.loads(record.read_text()) == json.loads(json.dumps(expected))
    _, out, _ = penultimate(*given, "--key", "fc.weight", "--torch-loss", "mse", "--json", "-")
    assert json.loads(out)["problem"]["weight_decay"] == [pytest.approx(2.5e-3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--head-only"], "--head-only needs --counts"),
        (["--head-only", "--counts", "lvis"], "10 classes and the counts have 1,203"),
        (["--head-only", "--counts", "fashion-mnist-lt", "--gaps", "drop"], "--gaps beside --head-only"),
        (["--head-only", "--counts", "fashion-mnist-lt", "--checkpoint", "c"], "--checkpoint beside --head-only"),
        (["--head-only", "--counts", "fashion-mnist-lt", "--head", "h.npz"], "--head beside --head-only"),
        (["--head-only", "--counts", "fashion-mnist-lt", "--dask", "local"], "--dask beside --head-only"),
        (["--key", "fc.weight"], "--key names a weight"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(penultimate, options, message):
    status, out, err = penultimate("audit", "cnn-mse", *options)
    assert (status, out) == (2, "") and message in err and err.count("\n") == 1


def untrained(loss, bias, seed=0):
    """A head of 60 classes whose last 20 were never trained: their rows are one vector, up to a ten-thousandth."""
    rng = np.random.default_rng(seed)
    counts = np.concatenate([np.repeat([400, 120, 30, 9], 10), np.zeros(20)])
    start = rng.normal(size=64)
    weight = np.concatenate([rng.normal(size=(40, 64)), start + 1e-4 * rng.normal(size=(20, 64))])
    head = pen.Head((weight,), rng.normal(size=60) if bias else None)
    return head, pen.ClassCounts(counts), pen.audit_head(head, counts, loss=loss, weight_decay=1e-3)


@pytest.mark.parametrize(
    ("loss", "bias"), [("mse", True), ("mse", False), ("ce", True), ("ce", False), ("smooth:0.1", True)]
)
def test_rows_that_were_never_trained_are_found_and_leave_the_forecast(loss, bias):
    head, counts, audit = untrained(loss, bias)
    assert [group.tolist() for group in audit.neighbours.merged] == [list(range(40, 60))]
    assert set(audit.nearest[40:].tolist()) <= set(range(40, 60))
    np.testing.assert_allclose(
        audit.norms,
        np.linalg.norm(head.product - (head.product[:40].mean(axis=0) if audit.rows.shift.any() else 0), axis=1),
    )
    # Everything that is held against the forecast is as if these classes were not there.
    kept = pen.Head((head.product[:40],), None if head.bias is None else head.bias[:40])
    alone = pen.audit_head(kept, pen.ClassCounts(counts.values[:40]), loss=loss, weight_decay=1e-3)
    assert audit.along.error == pytest.approx(alone.along.error, rel=1e-6)
    assert audit.off_diagonal_share == pytest.approx(alone.off_diagonal_share, rel=1e-6)
    assert audit.slopes == pytest.approx(alone.slopes, rel=1e-6)
    np.testing.assert_allclose(audit.expected_norms[:40], alone.expected_norms, rtol=1e-6)
    assert np.isnan(audit.expected_norms[40:]).all()
    record = audit.to_dict(classes="all")
    assert record["classes"][45]["forecast_norm"] is None and record["classes"][45]["head_norm"] > 0
    assert "20 of 60 classes have no training samples. Their rows are kept" in audit.verdict
    assert alone.notes == ()


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_of_equal_counts_no_sentence_is_about_counts(loss):
    audit = pen.audit_head(random_head(20, 64, 0), pen.ClassCounts([50] * 20), loss=loss)
    assert "count" not in audit.verdict and "samples" not in audit.verdict and "log n" not in audit.verdict
    assert "–" not in audit.verdict
