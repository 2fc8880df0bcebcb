"""What speaks against an audit is said by every forecast and advice that rests on it, from the object and its JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

import penultimate as pen
from penultimate.audits.calibration import Calibration
from penultimate.audits.law_reading import read_law
from penultimate.report.advice.words import pieces

OWN = pen.datasets.counts("fashion-mnist-lt")
OTHER_SAMPLES = "The audit read other samples than those of training"


@pytest.fixture(scope="module")
def held_out():
    return pen.audit("cnn-mse-test", counts=OWN)


@pytest.fixture(scope="module")
def trained():
    return pen.audit("cnn-mse")


def written(audit, folder):
    path = folder / "audit.json"
    path.write_text(json.dumps(audit.to_dict()))
    return path


def test_an_audit_of_other_samples_than_those_of_training_is_told(held_out, trained, penultimate, tmp_path):
    path = written(held_out, tmp_path)
    for calibration in (held_out.calibration, Calibration.read(path)):
        found = calibration.forecast(OWN)
        assert OTHER_SAMPLES in found.verdict and len(found.doubts) == 1
    status, out, _ = penultimate("forecast", "fashion-mnist-lt", "--calibrate", path, "--json", "-")
    assert status == 0 and json.loads(out)["doubts"] == list(found.doubts)
    assert OTHER_SAMPLES in pen.advise(OWN, audit=path).verdict
    assert trained.calibration.doubts == trained.calibration.forecast(OWN).doubts == ()


def test_the_budget_of_other_samples_does_not_say_how_fast_directions_die(held_out, trained):
    """What did not generalise is no scatter of frozen features, and takes no share from decay."""
    law = held_out.calibration.law
    assert law.decay_share is None and law.rise == 0.6 and law.power == trained.calibration.law.power


def test_an_audit_of_other_counts_is_told(trained):
    found = trained.calibration.forecast(pen.datasets.counts("cifar10-lt"))
    assert "The audit is of other counts (14,886 samples in all there, 12,406 here)" in found.verdict
    alike = pen.ClassCounts(np.append(OWN.values[:-2], OWN.values[-2:].sum() / 2 * np.ones(2)))
    assert alike.samples == OWN.samples and trained.calibration.forecast(alike).doubts
    swapped = pen.ClassCounts(OWN.values[::-1])
    assert not trained.calibration.forecast(swapped).doubts, "the law knows counts, not the order of classes"


@pytest.mark.parametrize(
    ("name", "loss", "told"),
    [
        ("cnn-ce", "mse", "does not look as squared error leaves one: audit it with --loss ce"),
        ("cnn-mse", "ce", "looks as loss mse leaves one, not loss ce: audit it with --loss mse"),
    ],
)
def test_a_network_of_another_loss_is_told(name, loss, told, tmp_path):
    audit = pen.audit(name, loss=loss)
    assert told in Calibration.read(written(audit, tmp_path)).forecast(OWN).verdict
    assert told in pen.advise(OWN, audit=audit).verdict


def test_two_runs_say_what_speaks_against_either(held_out, trained):
    other = replace(held_out.calibration, weight_decay=(5e-3,))
    other = replace(other, runs=(replace(other.runs[0], decay=5e-3),))
    both = trained.calibration.joined(other)
    assert both.doubts == other.doubts and OTHER_SAMPLES in both.forecast(OWN).verdict
    assert other.joined(trained.calibration).doubts == other.doubts


def test_two_audits_with_cross_entropy_go_together():
    """Its σ move with the weight decay, so they are not what two audits of the same counts have in common."""
    one, other = (pen.audit("cnn-ce", loss="ce", weight_decay=decay).calibration for decay in (5e-4, 5e-3))
    both = one.joined(other)
    assert one.runs[0].sigma != other.runs[0].sigma and both.law.audited == (5e-4, 5e-3)
    found = both.forecast(OWN)
    assert "read off two runs" in found.verdict and "decay takes" not in found.verdict and not found.doubts
    with pytest.raises(pen.ProblemError, match="other counts"):
        one.joined(replace(other, runs=(replace(other.runs[0], multiplicity=(2.0,) * 9),)))


def test_two_audits_of_which_the_later_one_does_not_close_say_so(trained):
    run = trained.calibration.runs[0]
    later = replace(run, decay=5e-3, unsettled=run.pull)
    law = read_law((replace(run, unsettled=(0.0,) * 9), later))
    assert law.decay_share is None and law.rise == 0.6
    other = replace(trained.calibration, weight_decay=(5e-3,), runs=(later,))
    verdict = trained.calibration.joined(other).forecast(OWN).verdict
    assert "read off two runs" in verdict and "the later one's budget does not close" in verdict


def test_audits_of_earlier_versions_have_no_doubts(trained, tmp_path):
    record = trained.to_dict()
    del record["calibration"]["doubts"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(record))
    assert Calibration.read(path) == trained.calibration
    record["calibration"]["doubts"] = [1]
    path.write_text(json.dumps(record))
    with pytest.raises(pen.FileError, match="doubts is no text"):
        Calibration.read(path)


@pytest.mark.filterwarnings("error")
def test_a_direction_without_strength_is_damage_and_one_that_nothing_pulls_is_not_learnt(trained, tmp_path):
    record = trained.to_dict()
    record["alignment"]["directions"][3]["measured"] = None
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(record))
    with pytest.raises(pen.FileError, match="damaged"):
        Calibration.read(path)
    run = trained.calibration.runs[0]
    pushed = replace(run, pull=(*run.pull[:7], -1e4, run.pull[8]))
    assert not pushed.learnt[7] and run.learnt[7] and np.isfinite(pushed.slope)
    assert replace(trained.calibration, runs=(pushed,)).forecast(OWN).survivors <= 9


def test_a_number_of_samples_is_that_of_the_median_where_directions_have_paths_of_their_own(trained):
    """Statuses follow the paths, and so no sentence may hold them against one number of samples."""
    own = trained.calibration.forecast(OWN, (0.15,))
    kept, lost = (OWN.distinct[own.group_status == status] for status in (0, 2))
    assert own.has_own_paths and kept.min() < own.samples_needed
    assert "In the median of the audited directions a class needs" in own.verdict
    gain = own.group_samples_to_gain
    assert (gain[own.group_status == 0] == 0).all() and not (gain[own.group_status != 0] == 0).any()
    assert lost.size or np.isnan(gain).any()
    carried = trained.calibration.forecast(pen.datasets.counts("cifar10-lt"), (0.15,))
    assert not carried.has_own_paths and ". A class needs about" in carried.verdict


def test_advice_does_not_hold_a_class_against_a_number_that_is_not_its_own(trained):
    (words,) = [piece.text for piece in pieces(pen.advise(OWN, audit=trained)) if piece.topic == "Samples"]
    assert "the smallest has 60. How well" in words
