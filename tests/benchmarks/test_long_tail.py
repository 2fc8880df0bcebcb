"""The benchmark of all fixes in its quick form, and that what is committed follows from its own numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import penultimate as pen
from benchmarks import long_tail
from benchmarks.long_tail_tables import Mean, claims, tables
from penultimate.features.sources.in_memory import Samples
from seeds import SEED
from studies import training
from studies.results import table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "does-it-help.md"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCRATCH", folder)
        patch.setattr(training, "_run_missing", lambda *_: None)  # all in this process
        yield long_tail.study(quick=True, seed=SEED)
    torch.set_flush_denormal(False)  # training sets it, for its whole process


def test_quick_form_judges_every_family_on_the_same_samples(quick):
    (setting,) = quick.facts["settings"].values()
    assert {"loss", "head", "loss and head", "loss and advice", "scikit-learn", "more VALID"} == set(setting["methods"])
    assert set(setting["methods"]["loss"]) == {"ce", "la:1"}
    figures = [found for heads in setting["methods"].values() for found in heads.values()]
    assert all(len(values) == 2 and np.isfinite(values).all() for one in figures for values in one.values())
    assert setting["valid"] == 200 and setting["more"] > 400 and setting["report"] > 400


def test_a_loss_that_is_advised_and_not_trained_with_is_named():
    digits = long_tail.SETTINGS["digits 20:1, MLP"]
    assert long_tail.advised_loss(digits, ("ce", "la:1")) == "la:1"
    with pytest.raises(SystemExit, match="la:1, is not among"):
        long_tail.advised_loss(digits, ("ce", "cdt"))


def test_a_temperature_changes_no_answer(quick):
    (setting,) = quick.facts["settings"].values()
    present, tempered = setting["methods"]["loss"]["ce"], setting["methods"]["head"]["temperature"]
    assert tempered["balanced_accuracy"] == present["balanced_accuracy"]
    assert tempered["log_loss"] != present["log_loss"]


def test_samples_are_dealt_within_classes_and_none_twice():
    labels = np.repeat(np.arange(4), [300, 90, 7, 1])
    small, large, rest = long_tail.deal(labels, seed=3)
    assert np.isin(small, large).all() and np.array_equal(np.sort([*large, *rest]), np.arange(labels.size))
    assert np.bincount(labels[small], minlength=4).tolist() == [20, 20, 3, 0]
    assert np.bincount(labels[large], minlength=4).tolist() == [100, 45, 3, 0]


def test_thirds_are_by_training_samples():
    bands = long_tail.thirds(pen.ClassCounts([5, 90, 70, 8, 30, 9, 100]))
    assert bands.tolist() == ["few", "many", "medium", "few", "medium", "medium", "many"]


def test_a_head_of_logistic_regression_answers_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [60, 30, 10])
    data = Samples((rng.normal(size=(100, 5)) + labels[:, None]).astype(np.float32), labels)
    _, head = long_tail.fitted(data, data, (0.1,), class_weight="balanced")
    scaler = StandardScaler().fit(data.features)
    model = LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced")
    model.fit(scaler.transform(data.features), labels)
    scores = model.decision_function(scaler.transform(data.features))
    np.testing.assert_allclose(head.logits(data.features), scores, atol=1e-5)


def test_intervals_are_students():
    """1, 2, 3 points: mean 2, standard error 1/√3, and the 97.5 % point of t with two degrees of freedom is 4.303."""
    mean = Mean.from_values(np.array([0.01, 0.02, 0.03]))
    assert mean[:4] == pytest.approx((2.0, 3**-0.5, 2 - 4.3027 * 3**-0.5, 2 + 4.3027 * 3**-0.5), rel=1e-4)
    assert mean.no_gain == pytest.approx(ttest_1samp([1, 2, 3], 0, alternative="greater").pvalue)


def test_no_difference_at_all_is_no_gain():
    assert np.isnan(Mean.from_values(np.zeros(3)).no_gain) and Mean.from_values(np.full(3, 0.25)).no_gain == 0


def test_committed_tables_follow_from_the_committed_numbers_and_are_shown():
    record = json.loads((RESULTS / "long_tail.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m benchmarks.long_tail --seed 0" and record["commit"]
    facts = record["facts"]
    assert facts["imbalanced-learn"] and len(facts["seeds"]) >= 5 and set(facts["settings"]) == set(long_tail.SETTINGS)
    written = {"": table(claims(facts)), **{f"-{end}": text for end, text in tables(facts).items()}}
    for end, text in written.items():
        assert (RESULTS / f"long_tail{end}.md").read_text(encoding="utf-8") == text
    page = PAGE.read_text(encoding="utf-8")
    for path in RESULTS.glob("long_tail*"):
        assert path.suffix == ".json" or f"benchmarks/results/{path.name}" in page, f"{path.name} is not shown"
