"""Comparisons of heads: gains on samples never seen, honest where there are none, one clear error for bad input."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import penultimate as pen
from penultimate.heads.comparison.by_theory import scores_are_shares
from penultimate.heads.comparison.comparison import HeadResult
from penultimate.heads.kernel_head import as_kernel
from penultimate.report.head_comparison.page import page as head_comparison_page
from report_cases import HOSTILE
from report_pages import Page, refers_outside, well_formed
from seeds import SEED


def gathered(source):
    batches = list(source.batches())
    return np.concatenate([b.features for b in batches]), np.concatenate([b.labels for b in batches])


def arrays(name):
    return gathered(pen.datasets.features(name))


@cache
def halves(network):
    features, labels = arrays(f"{network}-test")
    order = np.random.default_rng(1 + SEED).permutation(labels.size)[:8000]
    return (features[order[:1500]], labels[order[:1500]]), (features[order[1500:]], labels[order[1500:]])


@cache
def compared(network):
    return pen.compare_heads(network, pen.ArraySource(*halves(network)[0]))


def balanced(head, features, labels):
    answers = head.predict(features)
    return np.mean([np.mean(answers[labels == k] == k) for k in np.unique(labels)])


def toy(counts=(80, 30, 10), held_out=40, noise=1.0, seed=0, names=None):
    """Features of three Gaussian classes, a head that leans on the large ones, and held-out samples."""
    rng = np.random.default_rng(seed + SEED)
    classes = len(counts)
    labels, others = np.repeat(np.arange(classes), counts), np.repeat(np.arange(classes), held_out)
    X, V = (2 * np.eye(classes)[y] + noise * rng.normal(size=(y.size, classes)) for y in (labels, others))
    head = pen.heads.DiscriminantHead(1.0, prior="counts").fit(X, labels).head()
    head = pen.Head(head.weights, head.bias, names)
    return pen.ArraySource(X, labels, head=head), pen.ArraySource(V, others)


@pytest.mark.parametrize(("network", "least"), [("cnn-ce", 0.025), ("cnn-mse", 0.03)])
def test_the_blend_gains_on_samples_that_it_never_saw_as_it_says(network, least):
    comparison, unseen = compared(network), halves(network)[1]
    present = pen.datasets.features(network).head
    gain = balanced(comparison.head, *unseen) - balanced(present, *unseen)
    said, low, high = comparison.blend.gains["balanced_accuracy"]
    assert not comparison.keeps and gain > least
    assert low - 0.01 < gain < high + 0.01 and low < said < high
    # More than logit adjustment and τ-normalisation with the τ that is best on the unseen samples themselves.
    statistics = pen.FeatureStatistics.from_features(*arrays(network))
    for made in (pen.heads.LogitAdjustedHead, pen.heads.TauNormalisedHead):
        heads = [made(present, tau=tau).fit_statistics(statistics).head() for tau in np.arange(0.0, 3.0, 0.25)]
        assert balanced(comparison.head, *unseen) > max(balanced(head, *unseen) for head in heads)


@pytest.mark.parametrize("network", ["cnn-ce", "cnn-mse"])
def test_calibration_is_mended_too(network):
    comparison = compared(network)
    for figure in ("calibration_error", "log_loss"):
        assert comparison.blend.gains[figure][2] < 0
        assert comparison.blend.figures[figure] < comparison.present.figures[figure]


def test_logit_adjustment_of_squared_error_is_left_alone():
    result = next(result for result in compared("cnn-mse").results if result.name == "logit adjustment")
    assert result.setting == 0.0
    assert result.curve.balanced_accuracy[2] < 0.5 < result.curve.balanced_accuracy[0]


def test_the_same_seed_gives_the_same_comparison_bit_for_bit(monkeypatch):
    monkeypatch.setattr("penultimate.heads.comparison.comparison._REPEATS", 2)
    train, valid = toy()
    one, other = (pen.compare_heads(train, valid, seed=4) for _ in range(2))
    assert one.repeats == 2
    assert one.to_dict() == other.to_dict()
    assert np.array_equal(one.head.product, other.head.product)


def test_imbalanced_held_out_samples_count_by_class():
    features, labels = halves("cnn-ce")[0]
    rng = np.random.default_rng(0)
    kept = rng.random(labels.size) < np.geomspace(1.0, 0.1, 10)[labels]
    comparison = pen.compare_heads("cnn-ce", pen.ArraySource(features[kept], labels[kept]))
    present = pen.datasets.features("cnn-ce").head
    answers = present.predict(features[kept])
    recall = [np.mean(answers[labels[kept] == k] == k) for k in range(10)]
    assert comparison.present.figures["balanced_accuracy"] == pytest.approx(np.mean(recall))
    assert comparison.present.figures["accuracy"] == pytest.approx(np.mean(answers == labels[kept]))
    # Whether so few of the rarest prove a gain is luck; that there is one is not.
    assert comparison.blend.gains["balanced_accuracy"][2] > 0
    unseen = halves("cnn-ce")[1]
    assert balanced(comparison.blend.head, *unseen) > balanced(present, *unseen) + 0.01


def test_the_blend_is_the_weighted_sum_of_the_heads_and_says_its_weights():
    comparison = compared("cnn-mse")
    kinds = (comparison.theory, *comparison.results)
    weights = [kind.weight for kind in kinds]
    assert min(weights) >= 0.0 and max(weights) > 0.3
    assert {record["name"]: record["weight"] for record in comparison.to_dict()["heads"]}["corrected"] in weights
    assert comparison.present.weight is None and comparison.blend.weight is None
    heaviest = max(kinds, key=lambda kind: kind.weight)
    assert f"It weighs most: '{heaviest.name}'" in comparison.verdict


def test_a_network_that_was_trained_to_be_balanced_is_left_nearly_as_it_is():
    """Theory would adjust twice; the blend begins with the present head, which is the likelier one."""
    source, _ = compared("cnn-ce"), halves("cnn-ce")
    adjusted = source.theory.head
    rng = np.random.default_rng(0)
    features, labels = arrays("cnn-ce")
    chosen = rng.permutation(1500)[:200]
    (held_out, theirs), unseen = (part for part in halves("cnn-ce"))
    comparison = pen.compare_heads(
        pen.ArraySource(features, labels, head=adjusted), pen.ArraySource(held_out[chosen], theirs[chosen])
    )
    twice, blend = (balanced(head, *unseen) for head in (comparison.theory.head, comparison.blend.head))
    before = balanced(adjusted, *unseen)
    assert twice < before - 0.01 and blend > before - 0.003


def test_nothing_is_changed_where_nothing_is_to_be_gained():
    # Balanced classes, and the head that is best for them.
    train, valid = toy(counts=(200, 200, 200), held_out=150)
    comparison = pen.compare_heads(train, valid)
    assert comparison.keeps
    assert np.array_equal(comparison.head.product, train.head.product)
    assert comparison.verdict.startswith("Keep the present head")
    assert comparison.blend.gains["balanced_accuracy"][1] <= 0


@pytest.mark.parametrize("network", ["cnn-ce", "cnn-mse"])
def test_the_head_by_theory_is_judged_without_choosing(network):
    comparison, (features, labels) = compared(network), halves(network)[0]
    alone = pen.compare_heads(network).head
    assert np.array_equal(comparison.theory.head.product, alone.product)
    gain, low, high = comparison.theory.gains["balanced_accuracy"]
    difference = balanced(alone, features, labels) - balanced(pen.datasets.features(network).head, features, labels)
    assert gain == pytest.approx(difference, abs=1e-12) and low < gain < high
    assert comparison.to_dict()["theory"]["what"].endswith("with τ = 1")


def test_without_held_out_samples_theory_decides_and_nothing_is_claimed():
    for network, best in (("cnn-ce", "logit adjustment"), ("cnn-mse", "τ-normalised")):
        comparison = pen.compare_heads(network)
        assert comparison.by_theory == best and "τ = 1" in comparison.verdict
        assert comparison.present.figures == {} and comparison.blend is None and comparison.results == ()
        features, labels = arrays(f"{network}-test")
        before = balanced(pen.datasets.features(network).head, features, labels)
        assert balanced(comparison.head, features, labels) > before + 0.015
        with pytest.raises(pen.ProblemError, match="it has none"):
            comparison.plot("gains")
        with pytest.raises(pen.ProblemError, match="it has none"):
            comparison.plot("curves")


def test_scores_of_squared_error_are_told_by_their_sums():
    assert scores_are_shares(pen.datasets.features("cnn-mse").head)
    assert not scores_are_shares(pen.datasets.features("cnn-ce").head)
    X, y = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 5
    assert scores_are_shares(pen.heads.RidgeHead().fit(X, y).head())
    assert not scores_are_shares(pen.heads.LogisticHead().fit(X, y).head())


def test_bands_are_those_of_the_training_counts():
    train, valid = toy(counts=(80, 30, 10))
    comparison = pen.compare_heads(train, valid, many=50, few=20)
    figures = comparison.present.figures
    assert figures["balanced_accuracy"] == pytest.approx((figures["many"] + figures["medium"] + figures["few"]) / 3)
    assert comparison.bounds == (50, 20)
    assert comparison.to_dict()["settings"]["bands"] == {"many_above": 50, "few_below": 20}


def test_bounds_that_are_none_are_refused_before_the_work_begins():
    with pytest.raises(pen.CountsError, match="few=50 exceeds many=5"):
        pen.compare_heads(toy()[0], many=5, few=50)


def test_a_class_that_is_held_out_nowhere_is_left_out_of_averages():
    train, valid = toy(counts=(80, 30, 10, 5))
    features, labels = gathered(valid)
    some = labels != 2
    comparison = pen.compare_heads(train, pen.ArraySource(features[some], labels[some]))
    answers = train.head.predict(features[some])
    recall = [np.mean(answers[labels[some] == k] == k) for k in (0, 1, 3)]
    assert comparison.present.figures["balanced_accuracy"] == pytest.approx(np.mean(recall))
    assert np.isfinite(comparison.head.product).all()


@pytest.mark.parametrize("unseen", [0, 2, 3])
def test_a_class_without_training_samples_keeps_its_row_and_is_never_the_answer(unseen):
    rng = np.random.default_rng(0)
    known = np.delete(np.arange(4), unseen)
    labels, others = np.repeat(known, [80, 30, 10]), np.repeat(known, 40)
    X, V = (2 * np.eye(4)[y] + rng.normal(size=(y.size, 4)) for y in (labels, others))
    present = pen.Head((2 * np.eye(4),), np.array([2.0, 1.0, 0.0, -1.0]))
    comparison = pen.compare_heads(pen.ArraySource(X, labels, head=present), pen.ArraySource(V, others))
    for head in (comparison.blend.head, comparison.theory.head):
        assert np.isfinite(head.product).all() and np.isfinite(head.offset).all()
        assert not np.any(head.predict(V) == unseen)
    # As good as one that never heard of the class, up to what its 120 samples leave to luck.
    fewer = pen.Head((2 * np.eye(4)[known],), present.offset[known])
    alone = pen.compare_heads(
        pen.ArraySource(X, np.searchsorted(known, labels), head=fewer),
        pen.ArraySource(V, np.searchsorted(known, others)),
    )
    own, its = (one.blend.figures["balanced_accuracy"] for one in (comparison, alone))
    assert own == pytest.approx(its, abs=0.05)


def test_one_held_out_sample_of_a_class_leaves_out_what_needs_more():
    train, valid = toy()
    features, labels = gathered(valid)
    some = (labels != 2) | (np.cumsum(labels == 2) <= 1)
    comparison = pen.compare_heads(train, pen.ArraySource(features[some], labels[some]))
    assert "held-out discriminant" in comparison.left_out
    assert all(np.isfinite(result.figures["log_loss"]) for result in comparison.results)


def test_the_spiked_discriminant_is_tried_where_features_are_more_than_samples():
    rng = np.random.default_rng(0)
    train, valid = np.repeat(np.arange(3), (60, 30, 20)), np.repeat(np.arange(3), 10)
    means = 3 * np.eye(3, 40)

    def draw(labels):
        return means[labels] + rng.normal(size=(labels.size, 40))

    rows = draw(train)
    head = pen.heads.NearestMeanHead().fit(rows, train).head()
    comparison = pen.compare_heads(pen.ArraySource(rows, train, head=head), pen.ArraySource(draw(valid), valid))
    found = {one.name: one for one in comparison.results}
    assert found["held-out spiked discriminant"].figures["balanced_accuracy"] > 0.6
    few = pen.compare_heads(
        pen.ArraySource(rows[:, :8], train, head=pen.Head((head.product[:, :8],), head.offset)),
        pen.ArraySource(draw(valid)[:, :8], valid),
    )
    assert "held-out spiked discriminant" not in {one.name for one in few.results}


def test_a_written_head_answers_as_the_one_in_memory(tmp_path):
    comparison = compared("cnn-ce")
    comparison.save_head(tmp_path / "head.npz")
    features, _ = halves("cnn-ce")[1]
    read = pen.Head.read(tmp_path / "head.npz")
    assert np.mean(read.predict(features) == comparison.head.predict(features)) > 0.9999
    assert read.names == tuple(comparison.counts.names)
    with pytest.raises(pen.FeaturesError, match=r"\.npz"):
        comparison.save_head(tmp_path / "head.pt")
    with pytest.raises(pen.FileError):
        comparison.save_head(tmp_path / "nowhere" / "head.npz")


def test_the_record_is_json_without_nan():
    for comparison in (compared("cnn-mse"), pen.compare_heads("cnn-mse")):
        record = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
        assert record["verdict"] == comparison.verdict
        assert record["by_theory"] == comparison.by_theory
    assert compared("cnn-mse").to_dict()["present"]["figures"]["few"] is None


@pytest.mark.parametrize("case", ["judged", "unjudged", "hostile"])
def test_the_page_is_whole_offline_and_trusts_no_name(case, tmp_path):
    if case == "hostile":
        comparison = pen.compare_heads(*toy(counts=(90, 70, 50, 30, 20, 19, 16, 13, 12, 9, 5, 4), names=tuple(HOSTILE)))
    else:
        comparison = compared("cnn-ce") if case == "judged" else pen.compare_heads("cnn-ce")
    comparison.report(tmp_path / "heads.html")
    text = (tmp_path / "heads.html").read_text()
    assert text == head_comparison_page(comparison).whole()
    found = Page(text)
    well_formed(found)
    assert refers_outside(found) == []
    assert " ".join(comparison.verdict.split()) in " ".join(found.text.split())
    words = " ".join(found.text.split()).lower().split()
    assert "nan" not in words and "none" not in words
    assert len(found.scripts) - 2 == (0 if case == "unjudged" else 2)
    assert "<script" not in comparison._repr_html_()


def spoilt(**changes):
    train, valid = toy()
    rows = np.concatenate([batch.features for batch in valid.batches()])
    labels = np.concatenate([batch.labels for batch in valid.batches()])
    return train, pen.ArraySource(
        changes.get("features", lambda X: X)(rows), changes.get("labels", lambda y: y)(labels)
    )


def nan_in(rows):
    rows = rows.copy()
    rows[7, 1] = np.nan
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": nan_in}, r"^VALID \(arrays\): .* sample 7 "),
        ({"features": lambda X: X[:, :2]}, "width 2"),
        ({"labels": lambda y: y + 1}, "label 3"),
        ({"labels": lambda y: y - 1}, "label -1"),
        ({"labels": lambda y: np.zeros_like(y)}, "120 samples of 1 class: "),
    ],
)
def test_held_out_samples_that_do_not_fit_are_refused(change, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.compare_heads(*spoilt(**change))


def test_what_is_wrong_with_train_is_said_to_be_there():
    train, valid = toy()
    features, labels = gathered(train)
    for head in (None, train.head):
        with pytest.raises(pen.FeaturesError, match=r"^TRAIN \(arrays\): 1 of .* sample 7 "):
            pen.compare_heads(pen.ArraySource(nan_in(features), labels, head=head), valid)


def test_a_class_that_was_never_trained_is_named():
    train, valid = toy()
    features, labels = gathered(train)
    known = labels != 1
    partly = pen.ArraySource(features[known], labels[known], head=train.head)
    with pytest.raises(pen.FeaturesError, match="class '1' has 40 samples in VALID and none in TRAIN"):
        pen.compare_heads(partly, valid)


def test_a_head_must_fit():
    train, valid = toy()
    with pytest.raises(pen.FeaturesError, match="width 5"):
        pen.compare_heads(train, valid, head=pen.Head((np.eye(5),)))


def test_the_command_writes_head_json_and_page(penultimate, tmp_path):
    features, labels = halves("cnn-ce")[0]
    np.savez(tmp_path / "valid.npz", H=features, y=labels)
    places = [tmp_path / name for name in ("head.npz", "heads.json", "heads.html")]
    arguments = (
        "heads",
        "cnn-ce",
        tmp_path / "valid.npz",
        "--out",
        places[0],
        "--json",
        places[1],
        "--html",
        places[2],
    )
    status, out, err = penultimate(*arguments)
    assert status == 0 and all(place.exists() for place in places)
    assert out.startswith("Use the blend of 17 heads") and "balanced softmax" in out
    assert err.count("wrote") == 3
    assert json.loads(places[1].read_text()) == json.loads(json.dumps(compared("cnn-ce").to_dict()))
    np.testing.assert_allclose(pen.Head.read(places[0]).product, compared("cnn-ce").head.product, rtol=1e-6)


def test_the_command_without_valid_says_that_nothing_was_judged(penultimate):
    status, out, _ = penultimate("heads", "cnn-mse")
    assert status == 0 and out.startswith("Untested recommendation")


def test_the_command_says_in_one_line_what_is_wrong(penultimate, tmp_path):
    np.savez(tmp_path / "valid.npz", H=np.zeros((20, 3), np.float32), y=np.arange(20) % 10)
    status, out, err = penultimate("heads", "cnn-ce", tmp_path / "valid.npz", "--out", tmp_path / "h.npz")
    assert (status, out) == (2, "") and err.count("\n") == 1 and "width 3" in err
    assert not (tmp_path / "h.npz").exists()


def test_costs_decide_and_are_counted():
    """The mean cost of the present head against a sum by hand; the class that must not be missed is missed less."""
    train, valid = toy(noise=1.5)
    costs = 1.0 - np.eye(3)
    costs[2, :2] = 30.0
    comparison = pen.compare_heads(train, valid, costs=costs)
    plain = pen.compare_heads(train, valid)
    assert comparison.target == "cost" and plain.target == "balanced_accuracy" and "cost" not in plain.present.figures
    V, labels = gathered(valid)
    shares = np.exp(comparison.present.head.logits(V))
    answers = np.argmin(shares / shares.sum(axis=1, keepdims=True) @ costs, axis=1)
    by_hand = np.mean([costs[k, answers[labels == k]].mean() for k in range(3)])
    assert comparison.present.figures["cost"] == pytest.approx(by_hand)
    low, high = comparison.blend.gains["cost"][1:]
    assert comparison.keeps == (not high < 0) and low < high
    record = json.loads(json.dumps(comparison.to_dict()))
    assert record["settings"]["costs"] == costs.tolist() and record["settings"]["target"] == "cost"
    assert "answers what costs least" in comparison.verdict and "cost" in str(comparison)
    assert "to `pen.decide`" in comparison.verdict  # a linear head's own answers know nothing of costs
    html = head_comparison_page(comparison).whole()
    assert "Mean cost" in html and ">cost<" in html.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(
    ("given", "says"),
    [({"costs": np.eye(2)}, "for 3 classes"), ({"costs": 1 - np.eye(3), "valid": None}, "give VALID too")],
)
def test_costs_that_cannot_be_are_refused(given, says):
    train, valid = toy()
    with pytest.raises(pen.ProblemError, match=says):
        pen.compare_heads(train, **{"valid": valid, **given})


def test_heads_that_bend_join_where_they_may(tmp_path, penultimate):
    rng = np.random.default_rng(3 + SEED)
    files = tmp_path / "train.npz", tmp_path / "valid.npz"
    for path, size in zip(files, (240, 80), strict=True):
        X = rng.normal(size=(size, 2)).astype(np.float32)
        np.savez(path, features=X, labels=(X[:, 0] * X[:, 1] > 0).astype(int), classes=np.array(["bee", "cat"]))
    status, out, err = penultimate("heads", *files, "--non-linear", "--out", tmp_path / "head.onnx")
    assert status == 0 and "kernel machine" in out and 'run(["scores"], {"features": features})' in err
    comparison = pen.compare_heads(*files, linear=False)
    comparison.save_head(tmp_path / "head.safetensors")
    read = pen.heads.KernelHead.read(tmp_path / "head.safetensors")
    assert read.names == ("bee", "cat") and np.mean(read.predict(X) == (X[:, 0] * X[:, 1] > 0)) > 0.85
    with pytest.raises(pen.FeaturesError, match=r"written as \.safetensors or \.onnx"):
        comparison.save_head(tmp_path / "head.npz")


def test_a_linear_head_goes_into_the_file_that_was_asked_for_where_kernels_were_tried(tmp_path):
    """Its name is given before it is known whether a kernel is of use."""
    linear = pen.compare_heads(toy()[0])
    comparison = replace(linear, results=(HeadResult("kernel machine", "", as_kernel(linear.head)),))
    assert isinstance(comparison.head, pen.Head)
    comparison.save_head(tmp_path / "head.npz")
    comparison.save_head(tmp_path / "head.safetensors")
    read, X = pen.heads.KernelHead.read(tmp_path / "head.safetensors"), 9.0 * np.eye(3)
    assert read.names == pen.Head.read(tmp_path / "head.npz").names
    np.testing.assert_allclose(read.logits(X), comparison.head.logits(X), rtol=1e-5)
    with pytest.raises(pen.FeaturesError, match=r"written as \.npz"):
        linear.save_head(tmp_path / "head.safetensors")
