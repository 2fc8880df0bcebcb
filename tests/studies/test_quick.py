"""Every study in its quick form: what theory says exactly must hold, and what it does not promise must be told.

What a trained network happens to give differs between processors and seeds. It is only asked to be judged.
"""

import math
import os

import numpy as np
import pytest
import torch

import penultimate as pen
from seeds import SEED
from studies import (
    class_shares,
    constancy,
    drift,
    few_samples,
    few_samples_model,
    fixes,
    foreseeing,
    learning_curves,
    model,
    multi_label,
    multi_label_data,
    multi_label_tables,
    newcomers,
    positive_features,
    sampling,
    spectrum,
    sweep,
    text,
    timeline,
    training,
    two_entries,
    unseen,
    untrained,
    vocabulary,
    zoo,
)
from studies.data import available, digits, long_tail
from studies.results import Study

SIDE_BY_SIDE = training._run_missing


@pytest.fixture(autouse=True, scope="module")
def scratch(tmp_path_factory):
    """Runs are made here and now, and in this process: others would begin by importing PyTorch and reading the data."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCRATCH", folder)
        patch.setattr(training, "_run_missing", lambda *_: None)
        yield folder
    torch.set_flush_denormal(False)  # training sets it, for its whole process


def failing(study: Study) -> list[str]:
    return [claim.claim for claim in study.claims if claim.verdict == "fails"]


def told(study: Study) -> bool:
    """Whether every claim is judged in words without a stray not-a-number, and what could not be asked fails."""
    words = [claim.predicted + claim.measured for claim in study.claims] + list(study.tables.values())
    return not any("nan" in text for text in words) and all(
        claim.verdict == "fails" for claim in study.claims if math.isnan(claim.distance)
    )


def test_the_model_by_descent():
    """All findings hold; only that descent finds the global minimum is not promised for two layers or more."""
    found = model.study(quick=True, seed=SEED)
    assert told(found)
    assert set(failing(found)) <= {
        f"every start reaches the closed form, L = {layers} (not promised: zero is a local minimum)"
        for layers in (2, 3)
    }
    assert set(found.figures) == {"collapse", "strengths", "orthogonal", "starts"}


def test_estimates_of_the_spectrum():
    assert failing(spectrum.study(quick=True, seed=SEED)) == []


def test_bounds_of_singular_values_hold_for_the_dense_decomposition():
    counts = pen.ClassCounts([900, 400, 400, 60, 33, 20, 20, 20, 7])
    low, high = spectrum.Gaps(counts).bounds()
    sigma = spectrum.dense(counts)[:-1] ** 2
    between = [x for x in sigma if np.abs(x / counts.values - 1).min() > 1e-9]
    assert len(between) == low.size and np.all(low <= between) and np.all(between <= high)


def test_timeline_of_the_model():
    """The curves of the model are exact; those of a real network are looked at, not asserted."""
    found = timeline.study(quick=True, seed=SEED)
    assert told(found)
    assert not [name for name in failing(found) if name.startswith("model")]
    assert set(found.figures) == {"model", "network"}


def test_sweep_of_a_small_network():
    found = sweep.study(quick=True, seed=SEED)
    assert told(found)
    claimed = {claim.claim for claim in found.claims}
    for layers in (1, 2):
        assert f"MLP on digits, L = {layers}: strengths calibrate better than norms" in claimed
    assert found.tables["law"].count("\n") == 2 + 2 and set(found.figures) >= {"collapse", "factors", "recall"}
    # Between 5e-4 and 0.26 weight decay takes strength away, whatever the network.
    for one in found.facts["MLP on digits, L = 1"]["seeds"]:
        assert np.sum(one["strength"][-1]) < np.sum(one["strength"][0])


def test_laws_of_trained_networks():
    """The package's law is read off each run and judged on the others; how well it does is not promised."""
    found = unseen.study(quick=True, seed=SEED)
    assert told(found) and "new law" in found.tables["laws"]


def test_variants_are_compared():
    found = constancy.study(quick=True, seed=SEED)
    assert told(found)
    assert found.tables["variants"].count("\n") == 2 + 4
    assert sum("λ_H is the same at both weight decays" in claim.claim for claim in found.claims) == 4


def test_even_sampling_of_a_small_network():
    found = sampling.study(quick=True, seed=SEED)
    assert told(found)
    claimed = {claim.claim for claim in found.claims}
    assert {f"λ = 0.002: gains of own logits, if {name} count" for name in ("draws", "samples")} <= claimed


def test_networks_with_unseen_classes_are_scanned():
    """What a scan of a network finds is judged, not asserted: that rules which are told the number name as many is."""
    found = untrained.study(quick=True, seed=SEED)
    assert told(found) and set(found.figures) == {"recall"}
    [planted] = found.facts["planted"]
    assert planted["unseen"] >= 50 and set(planted["by_rule"]) == set(untrained.RULES[1:])
    assert found.facts["controls"][0]["unseen"] < planted["unseen"]
    assert found.tables["planted"].count("\n") == 2 + 2 and found.tables["barely"].count("\n") == 2 + 1


def test_fixes_before_and_after_training_on():
    """Masking and dropping change no answer among trained classes, whatever the network; the rest is told."""
    found = fixes.study(quick=True, seed=SEED)
    assert told(found)
    assert found.claims[0].claim.startswith("masking and dropping") and found.claims[0].verdict == "holds"
    [outcome] = found.facts["outcomes"]
    assert set(outcome["new"]) == set(fixes.STARTS) and found.tables["tuning"].count("\n") == 2 + 3


@pytest.mark.skipif(not available()["wordnet-base"] and "CI" not in os.environ, reason="needs wordnet-base")
def test_text_is_read_and_swept():
    found = text.study(quick=True, seed=SEED)
    assert told(found)
    assert found.claims[0].claim.startswith("the bundled counts") and found.claims[0].verdict == "holds"


def test_a_vocabulary_over_decay_and_width(monkeypatch):
    """What is proven holds; how much a width changes is told, on very few classes here."""
    counts = pen.ClassCounts([*np.floor(1e6 / np.arange(1, 600)), *[0] * 50])
    monkeypatch.setattr(vocabulary, "words", lambda: counts)
    monkeypatch.setattr(vocabulary, "FEW", (24, (16,), 1))
    found = vocabulary.study(quick=True, seed=SEED)
    assert told(found)
    assert [claim.verdict for claim in found.claims[:3]] == ["holds"] * 3
    assert found.tables["decays"].count("\n") == 2 + 1 and found.tables["dimensions"].count("\n") == 2 + 2


def test_samples_count_equals_the_closed_form_when_classes_are_balanced():
    """With equal counts both readings of even sampling are the balanced model, which has a closed form."""
    counts, decay, feature = pen.ClassCounts([50] * 5), 2e-2, 1e-4
    solution = pen.minimise(counts, pen.Problem.from_decays(decay, feature_decay=feature))
    sigma = np.repeat(solution.sigma, solution.multiplicity)
    record = {
        "recipe": {"weight_decay": decay},
        "collapsed": False,
        "samples": counts.samples,
        "sigma": sigma.tolist(),
        "strength": np.repeat(solution.strength, solution.multiplicity).tolist(),
        "cosine": [1.0] * sigma.size,
    }
    np.testing.assert_allclose(sampling.samples_count(record, counts), sampling.draws_count(record, 5), rtol=1e-5)


def test_training_is_reproducible_and_kept_runs_are_read(scratch):
    recipe = training.Recipe(4e-3, seed=SEED, hidden=(16,), width=12, epochs=3, data="digits", ratio=20.0)
    first = training.run(recipe)
    assert (scratch / f"{recipe.key}.json").exists() and training.run(recipe) == first
    again = training.measure(recipe, training.train(recipe))
    # Within one process the order of a sum may depend on where its array lies; a few steps do not make that large.
    np.testing.assert_allclose(again["strength"], first["strength"], rtol=1e-2, atol=1e-3)


def test_a_network_that_is_trained_on_starts_where_it_was(scratch):
    recipe = training.Recipe(1e-3, seed=SEED, hidden=(16,), width=12, epochs=3, data="digits", ratio=20.0)
    network = training.train(recipe)
    alone = training.measure(recipe, network)
    records = newcomers.rising(recipe, network)["records"]
    assert [record["recipe"]["weight_decay"] for record in records][::8] == [1e-3, 0.1]
    assert {record["recipe"]["seed"] for record in records} == {SEED} and alone.items() <= records[0].items()
    assert training.train(recipe, network=network) is network


def test_runs_are_made_in_processes_of_their_own_and_kept(scratch, monkeypatch, capfd):
    """These find the folder by the environment."""
    monkeypatch.setattr(training, "_run_missing", SIDE_BY_SIDE)
    monkeypatch.setenv("PENULTIMATE_STUDIES_SCRATCH", str(scratch))
    recipe = training.Recipe(5e-3, seed=SEED, hidden=(16,), width=12, epochs=1, data="digits", ratio=20.0)
    made = training.run_all([recipe])
    assert (scratch / f"{recipe.key}.json").exists() and "1 of 1 runs" in capfd.readouterr().err
    monkeypatch.setattr(training, "train", None)
    assert training.run_all([recipe]) == made and capfd.readouterr().err == ""


def test_the_loss_is_the_models_data_term():
    """Half the squared error, summed over classes, averaged over samples: weight_decay is λ (docs/theory §1)."""
    outputs, labels = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([0, 1])
    criterion = training.criterion_of("mse", pen.ClassCounts([1, 1]))
    assert criterion(outputs, labels).item() == pytest.approx((0 + 4 + 0 + 4) / 2 / 2)


def test_even_draws_are_even():
    data = digits(20.0)
    torch.manual_seed(0)
    recipe = training.Recipe(1e-3, data="digits", ratio=20.0, sampling="balanced", epochs=40)
    drawn = torch.cat([data.labels[rows] for rows in training._batches(recipe, data)])
    share = np.bincount(drawn, minlength=10) / len(drawn)
    assert np.abs(share - 0.1).max() < 4 * np.sqrt(0.09 / len(drawn))  # four standard deviations of a count


def test_long_tails_keep_the_first_of_each_class_in_order():
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    assert long_tail(labels, 4, 4.0).tolist() == [0, 1, 2, 4, 6]


def test_drift_is_judged():
    study = drift.study(quick=True)
    assert [claim.claim.split()[0] for claim in study.claims[:2]] == ["size", "some"]
    assert set(study.tables) == {"sizes", "labels", "shapes"} and set(study.figures) == {"power"}


def test_divergences_by_features_near_the_exact_one(monkeypatch):
    monkeypatch.setattr(positive_features, "EPSILONS", (1.0,))
    monkeypatch.setattr(positive_features, "FEATURES", (200,))
    near = positive_features.ratios(60, 2, SEED)
    assert len(near) == 3 and all(0.9 < ratio < 1.1 for ratio in near.values())
    deviations = positive_features.plane(200, 2, SEED)
    assert all(90 < deviation < 110 for deviation in deviations[0.5, 1000])


def test_two_entries_a_row_tell_the_row_space(monkeypatch):
    monkeypatch.setattr(two_entries, "SPACES", ((60, 4),))
    found = two_entries.spaces(2, SEED)
    assert found[60, 4, 40.0][0] == pytest.approx(0.975, abs=0.03)
    logged = two_entries.logs("cnn-ce", 1, SEED)
    assert logged[two_entries.RARE][0] < 0.5 * logged[two_entries.COLUMNS][0]


def test_ends_of_runs_are_judged():
    study = foreseeing.study(quick=True)
    assert len(study.claims) == 5 and set(study.tables) == {"prefixes", "recipes", "constrained"}
    assert all(0 <= one["ours"] <= 1 for one in study.facts["prefixes"].values())


def test_learning_curves_are_judged():
    study = learning_curves.study(quick=True)
    assert told(study) and len(study.claims) == 4
    assert study.claims[0].verdict == ("holds" if study.claims[0].distance <= 1.0 else "fails")
    assert {cell["data"] for cell in study.facts["forecasts"]} == {"digits, pixels"}


def test_heads_from_few_samples_are_judged(monkeypatch):
    monkeypatch.setattr(few_samples, "DRAWS", 4)
    monkeypatch.setattr(few_samples, "PROFILES", ((5, 5), (10, 2)))
    monkeypatch.setattr(few_samples_model, "SIZES", (20, 30))
    monkeypatch.setattr(few_samples_model, "TESTED", 400)
    sparse, dense = few_samples_model.SPARSE, few_samples_model.DENSE
    monkeypatch.setattr(few_samples_model, "MODELS", {sparse: (60, (30, 30), 4, 2), dense: (60, (30, 30), 60, 2)})
    monkeypatch.setattr(few_samples_model, "WIDTH", 80)
    study = few_samples.study(quick=True, seed=SEED)
    assert told(study) and len(study.claims) == 8 + 5
    assert len(study.facts["rows"]) == 2 * 2
    for claim in study.claims:
        assert claim.verdict == ("holds" if claim.distance <= claim.allowed else "fails")


def test_class_shares_are_judged():
    study = class_shares.study(quick=True)
    assert told(study) and len(study.claims) == 3 and len(study.facts["settings"]) == 2


@pytest.mark.skipif(not available()["dataset-fashion-mnist"], reason="needs Debian's package of Fashion-MNIST")
def test_heads_for_several_labels_are_judged(monkeypatch, tmp_path):
    for module in (multi_label, multi_label_data):
        monkeypatch.setattr(module, "SCRATCH", tmp_path)
    for name, size in {"_MOSAICS": 400, "_UNSEEN": 200, "_COMPONENTS": 20}.items():
        monkeypatch.setattr(multi_label_data, name, size)
    study = multi_label.study(quick=True, seed=SEED)
    assert told(study) and len(study.claims) == 3 and set(study.tables) == {"mosaics-of-garments"}
    ways = study.facts["sets"]["mosaics of garments"]["ways"]
    assert {multi_label_tables.OURS, multi_label_tables.TUNED} <= set(ways) and all(
        0 <= one["macro"] <= 1 for one in ways.values()
    )
    again = multi_label.study(quick=True, seed=SEED)  # from what was kept
    assert again.tables == study.tables


def test_networks_are_forecast_from_those_on_other_data(scratch):
    """What the zoo's networks show is judged; the table that is written is the one that the package reads."""
    found = zoo.study(quick=True, seed=SEED)
    assert told(found) and len(found.claims) == 2
    assert set(found.tables) == {"kinds", "sources", "decays", "felt"}
    assert found.facts["networks"] == 6 and 0 <= found.facts["telling"] <= 6


def test_decay_is_felt_where_training_has_settled():
    """A linear probe of squared error is convex: descent ends where −⟨W, gradient⟩ = λ ‖W‖², exactly."""
    recipe = training.Recipe(0.3, SEED, body="probe", data="pixels of digits", ratio=5.0, epochs=20)
    record = training.run(recipe)
    assert record["decay_by_slope"] == pytest.approx(0.3, rel=0.05)
