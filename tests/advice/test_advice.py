"""Advice as a whole: words, JSON, table, charts, page and the command."""

import io
import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rich.console import Console

import penultimate as pen
from penultimate.advice.head import advise_head
from penultimate.advice.labels import advise_labels
from penultimate.advice.status import Reason, Status
from penultimate.report.advice.words import STATUSES, head_words, pieces
from report_cases import HOSTILE
from report_pages import Page, refers_outside, well_formed

COUNTS = pen.ClassCounts({"cat": 400, "dog": 200, "eel": 90, "fox": 40, "newt": 20, "yak": 10})
PIECES = ("decay", "loss", "samples", "width", "head")


@pytest.fixture(scope="module")
def advices():
    hostile = pen.ClassCounts(dict(zip(HOSTILE, (900, 700, 500, 300, 200, 90, 60, 30, 20, 9, 5, 2), strict=True)))
    return {
        "dying": pen.advise(COUNTS, 0.2, loss="ce", width=3, feature_ratio=1.0),
        "well": pen.advise(COUNTS, 2e-2, width=9, feature_ratio=1.0),
        "equal margins": pen.advise(COUNTS, 2e-2, loss="ce", goal="margins", feature_ratio=1.0),
        "deep": pen.advise(COUNTS, 1e-2, loss="mse", layers=2, feature_ratio=1.0),
        "collapsed": pen.advise(COUNTS, 30.0, feature_ratio=1.0),
        "hostile": pen.advise(hostile, 0.15, feature_ratio=1.0),
        "adjusted": pen.advise(COUNTS, 5e-2, loss="mse:inverse", goal="angles", feature_ratio=1.0),
        "theory": pen.advise(pen.datasets.counts("fashion-mnist-lt"), audit=pen.audit("cnn-mse"), train="cnn-mse"),
    }


CASES = ("dying", "well", "equal margins", "deep", "collapsed", "hostile", "adjusted", "theory")


@pytest.mark.parametrize("case", CASES)
def test_every_piece_is_in_the_record_with_its_standing(advices, case):
    advice = advices[case]
    record = json.loads(json.dumps(advice.to_dict(), allow_nan=False))
    keys = {"penultimate", "counts", "problem", "steps", "now", "audit", *PIECES, "labels", "drift", "verdict"}
    assert set(record) == keys and record["verdict"] == advice.verdict
    assert record["labels"] is None  # without VALID
    for name in PIECES:
        piece = getattr(advice, name)
        assert record[name]["status"] == piece.status.name.lower()
        assert (record[name]["reason"] is None) == (piece.reason is None)
        if piece.status is Status.UNKNOWN:
            assert record[name]["reason"] and record[name]["needed_to_say_more"]
        if piece.status is Status.CHANGE and name != "head":
            assert record[name]["after"] is not None


@pytest.mark.parametrize("case", CASES)
def test_words_say_what_changes_and_what_is_not_known(advices, case):
    advice = advices[case]
    said = {piece.topic: piece for piece in pieces(advice)}
    assert list(said) == ["Weight decay", "Loss", "Samples", "Width", "Head"]
    for (topic, piece), name in zip(said.items(), PIECES, strict=True):
        status = getattr(advice, name).status
        assert piece.status == STATUSES[status]
        assert piece.text and piece.text.endswith(".") and not re.search(r"\b(None|nan|inf)\b", piece.text)
        if status is not Status.CHANGE:
            assert topic.lower() in advice.verdict
        if status is Status.UNKNOWN:
            assert piece.needed


def test_words_carry_the_numbers_of_the_forecasts(advices):
    advice = advices["hostile"]
    decay, samples = advice.decay, advice.samples
    assert decay.status is samples.status is Status.CHANGE
    text = advice.verdict
    assert f"below {decay.largest:.3g}" in text
    assert f"to {samples.floor:.0f} samples" in text and f"{samples.total:.0f} samples more" in text
    because = " ".join(piece.text for piece in pieces(advice))
    assert f"{decay.below} survive, just above {decay.above}" in because
    assert f"{samples.total:.0f} more are needed in all" in because
    assert "c = 1 was given" in text


def test_steps_come_cheapest_first_with_gain_cost_and_command(advices):
    order = ["head", "weight decay", "loss", "width", "samples"]
    for advice in advices.values():
        topics = [step.topic for step in advice.steps]
        assert topics == [topic for topic in order if topic in topics]
        assert not {"head", "loss"} <= set(topics), "both adjust for imbalance: twice is too much"
        steps = advice.to_dict()["steps"]
        assert [step["topic"] for step in steps] == topics
        for step in steps:
            assert all(step[part] for part in ("do", "gain", "cost", "command"))
            assert step["do"] in advice.verdict and step["command"] in advice.verdict
        changed = [piece for piece in PIECES if getattr(advice, piece).status is Status.CHANGE]
        assert bool(changed) is bool(topics)


def test_every_reason_says_why_and_what_would_help():
    for reason in Reason:
        assert len(reason.why) > 20 and len(reason.needed) > 10


@pytest.mark.parametrize("case", CASES)
def test_a_table_a_page_and_charts(advices, case, tmp_path):
    advice = advices[case]
    printed = io.StringIO()
    Console(width=150, file=printed).print(advice.table())
    shown = printed.getvalue()
    assert "Piece by piece" in shown and "before and after" in shown
    path = tmp_path / "advice.html"
    advice.report(path)
    page = Page(path.read_text(encoding="utf-8"))
    well_formed(page)
    assert refers_outside(page) == []
    assert len(page.scripts) == len(advice.charts) + 2
    assert " ".join(advice.verdict.split()) in " ".join(page.text.split())
    assert not re.search(r"\b(None|nan|inf)\b", page.text)
    for chart in advice.charts:
        assert advice.plot(chart).to_dict()["title"]["text"]
    assert advice._repr_html_().startswith("<table>")


def test_charts_that_are_not_there(advices):
    assert advices["well"].charts == ("trade_off", "survival", "margins")
    assert advices["deep"].charts == ("survival",)
    with pytest.raises(pen.ProblemError, match="survival"):
        advices["deep"].plot("trade_off")


def test_heads_are_left_to_held_out_samples(advices):
    theory = advices["theory"].head
    assert (theory.status, theory.reason) == (Status.CHANGE, Reason.NO_HELD_OUT)
    assert theory.by_theory == pen.compare_heads("cnn-mse").by_theory
    assert advices["adjusted"].head.reason is Reason.ADJUSTED
    # Features of training alone change nothing: theory's head would adjust a second time.
    adjusted = pen.advise("fashion-mnist-lt", 5e-2, loss="mse:inverse", train="cnn-mse", feature_ratio=1.0)
    assert (adjusted.head.status, adjusted.head.reason) == (Status.UNKNOWN, Reason.ADJUSTED)
    assert adjusted.head.head is None and adjusted.to_dict()["head"]["comparison"] is None
    assert advices["dying"].head.by_theory == "logit adjustment"
    assert advices["dying"].head.lost == advices["dying"].forecast.classes_with("lost") > 0


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_margins_by_theory_are_those_of_the_adjusted_head(loss):
    """Against W, b and class means in full."""
    forecast = pen.forecast(COUNTS, 2e-2, loss=loss, feature_ratio=1.0)
    factors = forecast.geometry.factors(d=6)
    weight, bias = factors.product, factors.bias - np.log(COUNTS.values / COUNTS.samples)
    if loss == "mse":
        weight, bias = weight / np.linalg.norm(weight, axis=1, keepdims=True), np.zeros(6)
    logits = factors.means @ weight.T + bias
    margins = np.diag(logits) - np.where(np.eye(6, dtype=bool), -np.inf, logits).max(axis=1)
    assert advise_head(forecast, None, None).after == pytest.approx((margins[:2].mean(), margins[-2:].mean()), rel=1e-6)


def some_held_out(size):
    features, labels = (np.concatenate(part) for part in zip(*_test_batches(), strict=True))
    return pen.ArraySource(features[:size], labels[:size])


def test_a_comparison_that_proves_a_gain_is_taken_as_it_is():
    advice = pen.advise("fashion-mnist-lt", 30.0, train="cnn-mse", valid=some_held_out(2000), feature_ratio=1.0)
    comparison = advice.head.comparison
    assert comparison.held_out.samples == 2000 and not comparison.keeps
    assert (advice.head.status, advice.head.reason, advice.head.head) == (Status.CHANGE, None, comparison.head)
    assert pieces(advice)[-1].text == comparison.verdict
    assert advice.to_dict()["head"]["comparison"]["keeps"] is False
    first = advice.to_dict()["steps"][0]
    gain, low, _ = comparison.blend.gains["balanced_accuracy"]
    assert first["topic"] == "head" and f"{100 * gain:+.1f}" in first["gain"] and f"{100 * low:+.1f}" in first["gain"]
    assert "loss" not in [step.topic for step in advice.steps]


@cache
def compared_with_few():
    comparison = pen.compare_heads("cnn-mse", some_held_out(100))
    assert comparison.keeps  # as few samples prove nothing
    return comparison


@pytest.mark.parametrize("likely", ["blend", "theory"])
@pytest.mark.parametrize("high", [0.07, 0.0, -0.01])
@pytest.mark.parametrize("loss", ["mse", "mse:inverse"])
def test_without_proof_the_likelier_head_is_taken_unless_it_is_proven_to_lose(likely, high, loss):
    comparison = compared_with_few()

    def told(row):
        gains = {**row.gains, "balanced_accuracy": (high - 0.05, high - 0.1, high)}
        log_loss = 0.5 if row is getattr(comparison, likely) else 0.6
        return replace(row, gains=gains, figures={**row.figures, "log_loss": log_loss})

    comparison = replace(comparison, blend=told(comparison.blend), theory=told(comparison.theory))
    advice = advise_head(pen.forecast(COUNTS, 1e-2, loss=loss, feature_ratio=1.0), None, comparison)
    if loss == "mse" and high >= 0.0:
        assert (advice.status, advice.reason) == (Status.CHANGE, Reason.NOT_PROVEN)
        assert advice.head is getattr(comparison, likely).head
        text, cost = head_words(advice)
        assert f"{100 * (high - 0.05):+.1f} points" in text.replace("−", "-")
        assert ("the blend of all heads" in text) == (likely == "blend") and "proves nothing" in text and cost
    else:
        assert (advice.status, advice.reason, advice.head) == (Status.KEEP, None, comparison.head)
        assert head_words(advice) == (comparison.verdict, "")


def _test_batches():
    return [(batch.features, batch.labels) for batch in pen.datasets.features("cnn-mse-test").batches()]


def test_the_command(penultimate, counts_file, tmp_path):
    page, record = tmp_path / "advice.html", tmp_path / "advice.json"
    options = ("--weight-decay", "0.12", "--width", "8")
    status, out, err = penultimate("advise", counts_file, *options, "--html", page, "--json", record)
    assert status == 0 and err.endswith(f"\nwrote {page}\nwrote {record}\n")
    assert out.startswith("• Lower the weight decay from 0.12") and page.exists()
    expected = pen.advise(pen.ClassCounts.read(counts_file), 0.12, width=8).to_dict()
    assert json.loads(record.read_text()) == json.loads(json.dumps(expected))


def test_the_head_advised_is_written(penultimate, counts_file, tmp_path):
    features, labels = (np.concatenate(part)[:100] for part in zip(*_test_batches(), strict=True))
    np.savez(tmp_path / "valid.npz", H=features, y=labels)
    place = tmp_path / "head.npz"
    features = ("--train", "cnn-mse", "--valid", tmp_path / "valid.npz")
    status, out, err = penultimate("advise", "fashion-mnist-lt", *features, "--out", place)
    assert status == 0 and f"wrote {place}" in err
    advice = pen.advise(
        pen.datasets.counts("fashion-mnist-lt"), train="cnn-mse", valid=tmp_path / "valid.npz", feature_ratio=1.0
    )
    assert advice.head.reason is Reason.NOT_PROVEN and "Take the " in out
    written = pen.Head.read(place)
    np.testing.assert_allclose(written.product, advice.head.head.product, rtol=1e-6)
    assert written.names == tuple(advice.counts.names)
    status, out, err = penultimate("advise", counts_file, "--out", place)
    assert (status, out) == (2, "") and "--train" in err
    with pytest.raises(pen.ProblemError, match="--train"):
        pen.advise(COUNTS, feature_ratio=1.0).save_head(place)


def test_the_command_with_an_audit_and_converted_decays(penultimate, tmp_path):
    path = tmp_path / "audit.json"
    penultimate("audit", "cnn-mse", "--json", path)
    status, out, _ = penultimate("advise", "fashion-mnist-lt", "--audit", path, "--json", "-")
    record = json.loads(out)
    assert status == 0 and record["problem"]["weight_decay"] == [5e-4]
    assert record["problem"]["feature_decay_source"] == "measured by strengths"
    _, out, _ = penultimate(
        *("advise", "fashion-mnist-lt", "--audit", path, "--weight-decay", "0.2", "--torch-loss", "mse"),
        *("--json", "-"),
    )
    assert json.loads(out)["problem"]["weight_decay"] == [1.0]
    _, out, _ = penultimate("advise", "cifar10-lt", "--torch-loss", "mse", "--json", "-")
    assert json.loads(out)["problem"]["weight_decay"] == [2.5e-3]


BAD = [
    ["--audit", "none.json"],
    ["--audit", "broken.json"],
    ["--audit", "other.json"],
    ["--audit", "calibrated.json", "--loss", "ce"],
    ["--audit", "calibrated.json"],
    ["--valid", "cnn-mse-test"],
    ["--train", "none.npz"],
    ["--head", "head.npz"],
    ["--goal", "everything"],
    ["--loss", "hinge"],
    ["--loss", "ce", "--torch-loss", "mse"],
    ["--weight-decay", "0"],
    ["--feature-decay", "1", "--feature-ratio", "1"],
    ["--width", "0"],
    ["--html", "/no/such/folder/page.html"],
]


@pytest.fixture(scope="module")
def calibrated():
    return json.dumps(pen.audit("cnn-mse").to_dict())


@pytest.mark.parametrize("options", BAD, ids=" ".join)
def test_bad_options_end_in_one_line(penultimate, counts_file, tmp_path, monkeypatch, calibrated, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text('{"penultimate": "0.1.0"}')
    (tmp_path / "calibrated.json").write_text(calibrated)
    status, out, err = penultimate("advise", counts_file, *options)
    assert (status, out) == (2, "")
    *how_counts_were_read, error = err.splitlines()
    assert error.startswith("penultimate: ") and len(how_counts_were_read) <= 1


def test_held_out_features_say_which_classes_to_label_next():
    valid = some_held_out(400)
    advice = pen.advise("fashion-mnist-lt", train="cnn-mse", valid=valid, feature_ratio=1.0)
    labels = advice.labels
    alone = pen.learning_curve(valid, class_weight="balanced", names=advice.counts.names)
    assert labels.curve.where_next == alone.where_next
    assert all(one.gain > one.error for one in labels.next_up)
    said = {piece.topic: piece for piece in pieces(advice)}["Labels"]
    assert "features would change too" in said.text and "held-out" in said.text
    assert ("labels" in [step.topic for step in advice.steps]) == bool(labels.next_up)
    assert advice.to_dict()["labels"]["status"] in ("change", "keep")
    assert pen.advise("fashion-mnist-lt", feature_ratio=1.0).labels is None


def test_held_out_samples_that_cannot_say_are_said():
    labels = pen.advise("fashion-mnist-lt", train="cnn-mse", valid=some_held_out(60), feature_ratio=1.0).labels
    assert labels.status is Status.UNKNOWN and "needs 10" in labels.refusal and labels.curve is None


def test_a_label_that_is_advised_is_a_step():
    rng = np.random.default_rng(0)
    means = 2.5 * np.eye(3, 30)
    labels = np.repeat([0, 1, 2], [200, 200, 10])
    valid = pen.ArraySource(means[labels] + rng.normal(size=(410, 30)), labels)
    piece = advise_labels(valid, pen.ClassCounts({"ant": 900, "bee": 800, "cat": 20}))
    assert piece.curve.counts.names == ("ant", "bee", "cat") and piece.curve.where_next[0].index == 2
    assert piece.status is (Status.CHANGE if piece.next_up else Status.KEEP)
