"""Advice for several labels a sample: its figures against forecasts made anew, the vector it writes, and errors."""

import json

import numpy as np
import pytest

import penultimate as pen
from command import run

Y = (np.random.default_rng(2).random((400, 12)) < np.geomspace(0.5, 0.01, 12)).astype(int)
TARGETS = pen.LabelScatter.from_labels(Y)


def test_the_weight_advised_answers_what_was_not_answered():
    advice = pen.advise(TARGETS, 0.2)
    n = Y.sum(0)
    assert advice.pos_weight == pytest.approx(np.sqrt((400 - n) / n))
    assert advice.forecast.never_answered > 0 == advice.weighted.never_answered
    again = pen.forecast(TARGETS, 0.2, loss=pen.losses.BinaryCrossEntropy(advice.pos_weight))
    assert again.score_on == pytest.approx(advice.weighted.score_on)
    assert "With pos_weight √((N − n)/n) every label is answered" in advice.verdict
    assert advice.advised_weight_decay is None and not advice.to_collect.size


def test_a_decay_is_advised_at_which_every_label_is_answered():
    for loss, decay in (("bce", 1.2), ("mse", 0.25)):
        advice = pen.advise(TARGETS, decay, loss=loss)
        best = "mse" if loss == "mse" else "bce:sqrt"
        assert pen.forecast(TARGETS, advice.advised_weight_decay, loss=best).never_answered == 0
        assert pen.forecast(TARGETS, 2.1 * advice.advised_weight_decay, loss=best).never_answered > 0
    assert advice.pos_weight is None and advice.to_collect.size
    label = advice.to_collect[0]
    assert advice.missing(label) == pytest.approx(advice.forecast.to_answer[label] - Y[:, label].sum())


def test_nothing_is_to_change_where_all_is_answered():
    advice = pen.advise(TARGETS, 1e-4)
    assert "nothing is to change" in advice.verdict and advice.to_dict()["steps"] == []


def test_a_label_that_no_weight_helps_is_named():
    advice = pen.advise(pen.LabelScatter.from_labels(Y, names=[*map(str, range(11)), "newt"]) + _never(), 0.2)
    assert advice.pos_weight is None and "label 'newt' is on in every sample" not in advice.verdict
    assert "No pos_weight is advised: label 'unseen' is on in no sample" in advice.verdict
    with pytest.raises(pen.ProblemError, match="'unseen' is on in no sample"):
        advice.save_pos_weight("x.npy")


def _never():
    return pen.LabelScatter.from_labels([["newt"]], names=["newt", "unseen"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"audit": "cnn-mse.json"}, "leave the rest out"),
        ({"goal": "margins"}, "leave the rest out"),
        ({"loss": "la:1"}, "la:1"),
        ({"like": "cnn"}, "networks like 'cnn' have one label a sample"),
    ],
)
def test_what_it_does_not_rest_on_is_refused(options, words):
    with pytest.raises(pen.ProblemError, match=words):
        pen.advise(TARGETS, 0.1, **options)


@pytest.mark.parametrize("decay", [0, [], [0.1, -1.0]])
def test_a_decay_that_cannot_be_is_refused_and_none_is_put_in_its_place(decay):
    with pytest.raises(pen.ProblemError, match="decay"):
        pen.advise(TARGETS, decay)


def test_real_targets_have_no_answers():
    with pytest.raises(pen.ProblemError, match="real targets are never answered"):
        pen.advise(pen.LabelScatter.from_targets(3.0 * Y), 0.1)
    with pytest.raises(pen.ProblemError, match="no pos_weight is advised for squared error"):
        pen.advise(TARGETS, 0.1, loss="mse").save_pos_weight("x.npy")


def test_the_command_writes_the_vector(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "y.npy", Y)
    out = tmp_path / "pos_weight.npy"
    options = ("--weight-decay", "0.2", "--pos-weight", out, "--json", "-")
    status, text, err = run(monkeypatch, capsys, "advise", tmp_path / "y.npy", *options)
    record = json.loads(text)
    assert status == 0 and f"wrote {out}" in err and record["problem"]["loss"] == "bce"
    assert np.load(out) == pytest.approx(pen.class_weights("auto", TARGETS)) == record["pos_weight"]
    for options, words in (
        (("y.npy", "--goal", "margins"), "--goal beside several labels a sample"),
        (("y.npy", "--out", "x.npz", "--train", "x.npz"), "beside several labels a sample"),
        (("y.npy", "--like", "cnn"), "networks like 'cnn' have one label a sample"),
        (("c.csv", "--pos-weight", "x.npy"), "--pos-weight is for several labels a sample"),
    ):
        (tmp_path / "c.csv").write_text("class,count\na,60\nb,30\n")
        status, _, err = run(monkeypatch, capsys, "advise", tmp_path / options[0], *options[1:])
        assert status == 2 and words in err
