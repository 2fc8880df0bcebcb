"""Charts of audits: valid Vega-Lite, small, and showing the audit's own figures."""

import json
from functools import cache

import numpy as np
import pytest

import penultimate as pen
from oracles import label_matrix
from penultimate.report.kit.cosines import CLASSES
from penultimate.report.kit.heat_map import LEADING
from report_cases import AUDITS, FASHION, HEADS

ALL = {**AUDITS, **HEADS}


@cache
def audit(case: str) -> "pen.Audit | pen.HeadAudit":
    return ALL[case]()


@cache
def drawn(case: str) -> dict[str, dict]:
    found = audit(case)
    return {key: found.plot(key).to_dict() for key in found.charts}


def rows(case: str, key: str, **where: object) -> list[dict]:
    """Data of a chart that match, each once."""
    found = [row for data in drawn(case)[key]["datasets"].values() for row in data]
    kept = [row for row in found if all(row.get(name) == value for name, value in where.items())]
    return [json.loads(text) for text in dict.fromkeys(json.dumps(row, sort_keys=True) for row in kept)]


@pytest.mark.parametrize("case", ALL)
def test_every_chart_is_valid_small_and_strict_json(case):
    for key, spec in drawn(case).items():  # to_dict has validated them against the schema of Vega-Lite
        assert sum(len(data) for data in spec["datasets"].values()) <= max(3 * LEADING**2, CLASSES**2), key
        assert len(json.dumps(spec, allow_nan=False)) < 500_000, key
        assert spec["title"]["text"] and spec["description"], key


def test_strengths_are_drawn_beside_sigma_and_forecast_with_their_intervals():
    alignment = audit("cnn-mse").last_layer.alignment
    ends = audit("cnn-mse").intervals["alignment/strength"]
    drawn_ends = {row["value"]: (row["low"], row["high"]) for row in rows("cnn-mse", "directions", series="measured")}
    assert len(drawn_ends) == 18  # nine strengths, and nine as shares of σ
    for strength, interval in zip(alignment.strength.tolist(), ends.tolist(), strict=True):
        assert drawn_ends[strength] == tuple(interval)
    sigma = np.linalg.svd(label_matrix(FASHION.values), compute_uv=False)[:9]
    np.testing.assert_allclose([row["value"] for row in rows("cnn-mse", "directions", series="σ, nothing lost")], sigma)
    shown = {row["value"] for row in rows("cnn-mse", "directions", series="forecast")}
    assert set(audit("cnn-mse").last_layer.forecast_strength) <= shown


def test_no_forecast_is_drawn_for_another_loss():
    for key, spec in drawn("cnn-ce").items():
        assert not any("forecast" in str(row.get("series")) for data in spec["datasets"].values() for row in data), key
    assert "No forecast is drawn" in drawn("cnn-ce")["directions"]["description"]


def test_factors_show_cosines_and_lengths_of_a_dense_decomposition():
    with np.load("src/penultimate/data/features/cnn-mse.npz") as file:
        features, labels, weight = file["H"].astype(float), file["y"], file["W"].astype(float)
    means = np.stack([features[labels == k].mean(axis=0) for k in range(10)]) - features.mean(axis=0)
    u, _, vt = np.linalg.svd(label_matrix(FASHION.values))
    p, q = u[:, :9].T @ weight, vt[:9] @ (means * np.sqrt(FASHION.values)[:, None])
    cosine = np.einsum("rd,rd->r", p, q) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=1)
    for series, expected in (
        ("measured", cosine),
        ("head ‖p‖", np.linalg.norm(p, axis=1)),
        ("means ‖q‖", np.linalg.norm(q, axis=1)),
    ):
        shown = [row["value"] for row in rows("cnn-mse", "factors", series=series)]
        np.testing.assert_allclose(shown, expected, rtol=1e-5)
    matrix = np.zeros((3, 9, 9))
    cells = [[row for row in data if "column" in row] for data in drawn("cnn-mse")["matrices"]["datasets"].values()]
    for place, data in enumerate(cells):
        for row in data:
            matrix[place, row["row"] - 1, row["column"] - 1] = row["value"]
    unit_p, unit_q = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (p, q))
    np.testing.assert_allclose(matrix[1], np.abs(unit_p @ unit_p.T), atol=6e-4)
    np.testing.assert_allclose(matrix[2], np.abs(unit_q @ unit_q.T), atol=6e-4)
    sigma = np.linalg.svd(label_matrix(FASHION.values), compute_uv=False)[:9]
    product = np.abs(p @ q.T) / np.sqrt(np.outer(sigma, sigma))
    np.testing.assert_allclose(matrix[0], product / product.max(), atol=6e-4)


def test_the_budget_adds_up_to_what_is_missing():
    alignment = audit("cnn-mse").last_layer.alignment
    for place in range(9):
        parts = rows("cnn-mse", "budget", direction=str(place + 1))
        assert {row["part"] for row in parts} == {"decay", "noise", "other directions", "residual"}
        missing = 1 - alignment.strength[place] / alignment.sigma[place]
        assert sum(row["lost"] for row in parts) == pytest.approx(missing, abs=1e-12)
    assert {row["part"] for row in rows("cnn-mse-test", "budget") if "part" in row} == {"decay", "other directions"}
    assert "not the training samples" in drawn("cnn-mse-test")["budget"]["description"]


def test_recalls_and_weaker_classes_are_drawn_by_name():
    counted = audit("cnn-mse-test").decisions
    shown = [row for row in rows("cnn-mse-test", "classes") if row.get("series") != "retained by the forecast"]
    points = {row["where"]: row for row in shown if "where" in row}
    for index in range(10):
        assert points[str(index)]["value"] == counted.correct[index] / counted.answered[index]
    assert [name for name, row in points.items() if row["series"].startswith("weaker")] == ["6"]
    assert [row["text"] for row in shown if "text" in row] == ["6"]


def test_classes_without_samples_are_not_drawn_and_it_is_said():
    assert {row["where"] for row in rows("audit-unseen", "classes") if "where" in row} == {"1", "2", "4"}
    assert "not drawn: 2 classes" in drawn("audit-unseen")["classes"]["description"]


def test_cosines_are_those_of_the_class_means():
    with np.load("src/penultimate/data/features/cnn-mse.npz") as file:
        features, labels = file["H"].astype(float), file["y"]
    means = np.stack([features[labels == k].mean(axis=0) for k in range(10)]) - features.mean(axis=0)
    units = means / np.linalg.norm(means, axis=1, keepdims=True)
    for row in rows("cnn-mse", "cosines"):
        assert row["cosine"] == pytest.approx(units[int(row["row"])] @ units[int(row["column"])], abs=2e-6)


def test_many_directions_and_classes_are_thinned_and_it_is_said():
    found = drawn("audit-long-tail")
    assert "classes drawn, evenly by rank" in found["norms"]["description"]
    assert "The leading 36 of 399 directions" in found["matrices"]["description"]
    assert "48 of 400 classes" in found["cosines"]["description"]


def test_plot_gives_the_chart_of_that_name():
    assert audit("cnn-mse").plot("budget").to_dict() == drawn("cnn-mse")["budget"]
    assert audit("head-mse").plot("gram").to_dict() == drawn("head-mse")["gram"]


def test_a_head_is_drawn_beside_the_scaled_forecast():
    found = audit("head-mse")
    shown = [row["value"] for row in rows("head-mse", "spectrum", series="singular values")]
    weight = found.head.product - found.head.product.mean(axis=0)
    np.testing.assert_allclose(shown, np.linalg.svd(weight, compute_uv=False)[:9], rtol=1e-9)
    expected = np.array([row["value"] for row in rows("head-mse", "spectrum", series="forecast, scaled")])
    # The scale is the one of least squares: what is left is orthogonal to the forecast.
    assert (np.array(shown) - expected) @ expected == pytest.approx(0.0, abs=1e-9)
    lengths = {row["where"]: row["value"] for row in rows("head-mse", "norms", series="rows of the last layer")}
    assert [lengths[str(k)] for k in range(10)] == pytest.approx(np.linalg.norm(weight, axis=1))
