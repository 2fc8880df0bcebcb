"""Directions of a head above the noise of its rows, in both audits of a head: planted, refused, and too few."""

import numpy as np
import pytest

import penultimate as pen

RNG = np.random.default_rng(0)


def rows_with(directions, classes, width, strength=6.0):
    noise = RNG.standard_normal((classes, width)) * RNG.uniform(0.5, 2, classes)[:, None]
    return strength * RNG.standard_normal((classes, directions)) @ RNG.standard_normal((directions, width)) / 3 + noise


@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_planted_directions_are_counted_whatever_rows_have_in_common(offset):
    rows = rows_with(5, 400, 40)
    rows[7] = rows[3]  # a copy is left out
    audit = pen.audit_head(pen.Head((rows + offset,)), np.full(400, 10.0))
    found = audit.rows.noise.directions
    assert found.count == 5 and found.fits
    assert "5 of 40 directions of the rows stand above their noise" in audit.verdict
    record = audit.to_dict()["noise"]
    assert record["directions"] == 5 and record["refusal"] is None and record["pairs_tested"] > 0


def test_a_head_of_fewer_classes_than_features_through_two_layers():
    rows = rows_with(4, 60, 90)
    turn = np.linalg.qr(RNG.standard_normal((90, 90)))[0]
    audit = pen.audit_head(pen.Head((turn, rows @ turn.T)), np.arange(60) + 5.0, weight_decay=(1e-3, 1e-3))
    assert audit.rows.noise.directions.count == 4 and "4 of 60 directions" in audit.verdict


def test_rows_that_are_no_noise_count_nothing():
    rows = RNG.standard_normal((300, 60)) * np.linspace(0.1, 2, 60)
    audit = pen.audit_head(pen.Head((rows,)), np.full(300, 10.0))
    assert "does not look like noise" in audit.verdict and audit.to_dict()["noise"]["directions"] is None
    assert audit.rows.noise.pairs is None


def test_small_heads_say_why_nothing_is_counted_where_it_is_no_news():
    """In the record: the reader of a verdict on ten classes can do nothing about it."""
    audit = pen.audit_head("cnn-mse", pen.datasets.counts("fashion-mnist-lt"))
    assert "noise" not in audit.verdict
    refusal = audit.to_dict()["noise"]["refusal"]
    assert refusal.startswith("10 different rows of width 64: where noise ends is a law of large matrices")
