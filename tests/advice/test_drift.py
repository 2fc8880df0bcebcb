"""Advice about classes that moved: the same from the object as from its JSON, a change only where recall was lost."""

import json

import numpy as np
import pytest

import penultimate as pen
from command import run
from penultimate.advice.drift import advise_drift
from penultimate.advice.status import Reason, Status
from penultimate.report.advice.words import pieces
from seeds import SEED

K, WIDTH = 4, 6
MEANS = 2.5 * np.eye(K, WIDTH)
HEAD = pen.Head((MEANS,), -0.5 * np.sum(MEANS**2, axis=1))
COUNTS = pen.ClassCounts([900, 300, 90, 30])


def drift(shift, head=HEAD, scale=1.0):
    """A class on its way to another, so far."""
    rng, labels, sides = np.random.default_rng(SEED), np.repeat(np.arange(K), 150), []
    for moved in (0.0, shift):
        means = MEANS.copy()
        means[2] += moved * (MEANS[0] - MEANS[2])
        sides.append(pen.ArraySource(means[labels] + scale * rng.normal(size=(len(labels), WIDTH)), labels))
    return pen.drift(*sides, head=head)


@pytest.fixture(scope="module")
def moved():
    return drift(0.6)


def test_a_class_that_lost_recall_is_a_step(moved, tmp_path, monkeypatch, capsys):
    advice = pen.advise(COUNTS, 1e-3, feature_ratio=1.0, drift=moved)
    assert advice.drift.status is Status.CHANGE and [one.name for one in advice.drift.lost] == ["2"]
    assert advice.drift.lost[0].lost == pytest.approx(moved.lost[2]) and advice.drift.moved == moved.moved.sum()
    assert "drift" in [step.topic for step in advice.steps] and "Label 60 current samples" in advice.verdict
    (tmp_path / "d.json").write_text(json.dumps(moved.to_dict()))
    again = pen.advise(COUNTS, 1e-3, feature_ratio=1.0, drift=tmp_path / "d.json")
    assert again.to_dict() == advice.to_dict() and advice.to_dict()["drift"]["lost"][0]["class"] == "2"
    np.savetxt(tmp_path / "counts.csv", COUNTS.values, fmt="%d")
    code, out, _ = run(
        monkeypatch, capsys, "advise", tmp_path / "counts.csv", "--holds", "counts", "--drift", tmp_path / "d.json"
    )
    assert code == 0 and "Label 60 current samples" in " ".join(out.split())


def test_what_lost_nothing_is_kept_and_what_is_not_known_is_said(moved):
    nothing = advise_drift(drift(0.0), COUNTS)
    assert nothing.status is Status.KEEP and nothing.moved == 0
    assert advise_drift(drift(0.15), COUNTS).status is Status.KEEP
    assert advise_drift(drift(0.6, head=None), COUNTS).reason is Reason.NO_RECALLS
    assert advise_drift(drift(0.6, scale=0.3), COUNTS).reason is Reason.TRAINING_REFERENCE
    assert advise_drift(None, COUNTS) is None
    for one, said in (
        (drift(0.0), "No class moved by more than noise"),
        (drift(0.15), "none lost recall beyond chance"),
        (drift(0.6, head=None), "nobody knows what the drift cost"),
    ):
        assert any(said in piece.text for piece in pieces(pen.advise(COUNTS, 1e-3, feature_ratio=1.0, drift=one)))


def test_what_is_no_drift_is_one_clear_error(moved, tmp_path):
    with pytest.raises(pen.ProblemError, match="which the counts lack"):
        pen.advise(pen.ClassCounts({"ant": 9, "bee": 5}), drift=moved)
    with pytest.raises(pen.FileError, match="no such file"):
        pen.advise(COUNTS, drift=tmp_path / "none.json")
    few = moved.to_dict("none")
    assert few["classes_moved"] and not few["classes"]
    for text in ("[]", "{", "{}", json.dumps(few), json.dumps({**few, "classes": [{"class": "0"}]})):
        (tmp_path / "d.json").write_text(text)
        with pytest.raises(pen.FileError, match="give what drift --json wrote"):
            pen.advise(COUNTS, drift=tmp_path / "d.json")
    with pytest.raises(pen.ProblemError, match="several labels"):
        pen.advise(pen.LabelScatter.from_labels([[0], [1], [0, 1]], 2), drift=moved)
