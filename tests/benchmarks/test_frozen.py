"""The benchmark of frozen encoders in its quick form, its rivals, and that its files follow from its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks import frozen
from benchmarks.frozen_rivals import RIVALS, tuned
from benchmarks.frozen_sets import CHOSEN_ON, JUDGED_ON, QUICK, split
from benchmarks.frozen_tables import ANY, ELSEWHERE, HINDSIGHT, LINEAR, PICKED, PLAIN, claims, tables, values
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.scoring import Answers, Scorer
from seeds import SEED
from studies import frozen as frozen_study
from studies import zoo_data
from studies.results import table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for module in (frozen, zoo_data, frozen_study):
            patch.setattr(module, "SCRATCH", folder)
        yield frozen.study(quick=True, seed=SEED)


def toy(seed=0, counts=(60, 20, 6)):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return Samples(
        (2.0 * np.eye(len(counts), 5)[labels] + rng.normal(size=(labels.size, 5))).astype(np.float32), labels
    )


def test_quick_form_judges_all_on_the_same_samples(quick):
    (one,) = quick.facts["sets"].values()
    assert {PLAIN, LINEAR, ANY} < set(one["methods"]) and len(one["methods"]) == 5
    numbers = [found for method in one["methods"].values() for name, found in method.items() if name != "setting"]
    assert all(len(found) == 2 and np.isfinite(found).all() for found in numbers)
    assert max(one["counts"]) > 10 * min(one["counts"]) and one["test"] > 400


@pytest.mark.parametrize("ratio", [None, 20.0])
def test_no_sample_is_dealt_twice_and_every_class_has_some_of_each(ratio):
    labels = np.repeat(np.arange(6), (300, 150, 150, 150, 150, 150 if ratio else 6))
    pool = Samples(np.arange(labels.size, dtype=np.float32)[:, None], labels)
    parts = split(pool, ratio, SEED)
    rows = np.concatenate([part.features[:, 0] for part in parts])
    assert np.unique(rows).size == rows.size
    number = np.array([np.bincount(part.labels, minlength=6) for part in parts])
    assert number.min() >= 1 and (number[1] <= np.maximum(number[0] // 2 + 1, 1)).all()
    if ratio is None:
        np.testing.assert_array_equal(number.sum(axis=0), np.bincount(labels))


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_gives_probabilities_of_some_use(name):
    train, valid = toy(0), toy(1, (30, 30, 30))
    setting, scores, right = tuned(RIVALS[name], train, valid, 3, seed=0)
    found = scores(valid.features)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0, atol=1e-4)
    assert setting and right > 0.5 and np.mean(found.argmax(axis=1) == valid.labels) > 0.5


def test_rivals_are_what_scikit_learn_gives():
    train, valid = toy(0), toy(1, (30, 30, 30))
    scaler = StandardScaler().fit(train.features)
    inputs, asked = scaler.transform(train.features), scaler.transform(valid.features)
    settings = dict(RIVALS["logistic regression − τ log π"].settings(Samples(inputs, train.labels), 3, 0))
    model = LogisticRegression(C=0.1, max_iter=1000, tol=1e-8).fit(inputs, train.labels)
    wanted = model.predict_log_proba(asked) - np.log(np.bincount(train.labels) / len(train.labels))
    found = settings["C = 0.1, τ = 1"](asked)
    np.testing.assert_allclose(found - found[:, :1], wanted - wanted[:, :1], atol=0.05)
    settings = dict(RIVALS["nearest neighbours − τ log π"].settings(Samples(inputs, train.labels), 3, 0))
    votes = KNeighborsClassifier(5).fit(inputs, train.labels).predict_proba(asked)
    clear = np.sort(votes, axis=1)[:, -1] > np.sort(votes, axis=1)[:, -2]
    answers = settings["euclidean, k = 5, τ = 0"](asked).argmax(axis=1)
    np.testing.assert_array_equal(answers[clear], votes.argmax(axis=1)[clear])


@pytest.mark.parametrize("away", [0.0, 0.1])
def test_what_chance_adds_to_the_calibration_error_is_taken_off(away):
    """Many small sets: their mean square is that of the probabilities, and the plain error is more than these have."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(300):
        labels = np.repeat([0, 1], [40, 20])
        told = rng.uniform(0.6, 0.85, 60)
        said = np.where(rng.random(60) < told + away, labels, 1 - labels).astype(np.int32)[None]
        scorer, answers = Scorer(labels, np.array(["many", "few"])), Answers(said, told[None], np.zeros((1, 60)))
        one = frozen.calibration(scorer, answers)
        found.append((*one.values(), scorer.figures(answers)["calibration_error"]))
    square, chance, plain = np.mean(found, axis=0)
    assert square == pytest.approx(away**2, abs=4 * np.std(found, axis=0)[0] / 300**0.5)
    assert plain > away + 0.01 and (away or plain == pytest.approx(chance, rel=0.1))


def test_picks_among_rivals_are_by_the_part_they_are_said_to_be_by():
    methods = {
        PLAIN: {"balanced_accuracy": [0.1, 0.1, 0.1], "valid": [0.9, 0.9, 0.9]},
        "one": {"balanced_accuracy": [0.5, 0.9, 0.7], "valid": [0.8, 0.1, 0.3]},
        "other": {"balanced_accuracy": [0.6, 0.6, 0.8], "valid": [0.2, 0.3, 0.4]},
    }
    one = {"methods": methods}
    assert values(one, HINDSIGHT).tolist() == [0.5, 0.9, 0.7] and values(one, PICKED).tolist() == [0.5, 0.6, 0.8]
    assert values(one, ELSEWHERE).tolist() == [0.5, 0.6, 0.7]


def test_what_was_chosen_with_is_not_judged_on():
    assert not set(CHOSEN_ON) & set(JUDGED_ON) and not set(QUICK) & set(JUDGED_ON)
    assert len(JUDGED_ON) >= 10 and sum(pair.ratio is None for pair in JUDGED_ON.values()) >= 3


def test_committed_tables_follow_from_the_committed_numbers_and_are_shown():
    record = json.loads((RESULTS / "frozen.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m benchmarks.frozen --seed 0" and record["commit"]
    facts = record["facts"]
    assert set(JUDGED_ON) <= set(facts["sets"])
    written = {"": table(claims(facts)), **{f"-{end}": text for end, text in tables(facts).items()}}
    page = (ROOT / "docs" / "does-it-help.md").read_text(encoding="utf-8")
    for end, text in written.items():
        assert (RESULTS / f"frozen{end}.md").read_text(encoding="utf-8") == text
    for path in RESULTS.glob("frozen*"):
        assert path.suffix == ".json" or f"benchmarks/results/{path.name}" in page, f"{path.name} is not shown"
