"""What drift names, on planted drifts and on none; what it costs; what cannot be compared."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, norm

import penultimate as pen
from command import run
from penultimate.drifts.p_values import by_moments, by_permutation, own_metric
from penultimate.features.sources.in_memory import Samples, gather
from seeds import SEED
from studies.drift import class_means, dealt, found, simulated, towards_nearest, unlabelled

K, WIDTH = 4, 6
MEANS = np.random.default_rng(0).normal(size=(K, WIDTH)) * 3


def sides(n, m, moved=None, seed=SEED, offset=0.0, scale=1.0):
    """Two draws of Gaussian classes, the second with its means moved."""
    rng = np.random.default_rng(seed)
    out = []
    for counts, means in ((n, MEANS), (m, MEANS if moved is None else moved)):
        labels = np.repeat(np.arange(K), counts)
        out.append(pen.ArraySource(scale * (means[labels] + rng.normal(size=(len(labels), WIDTH)) + offset), labels))
    return out


def planted(k, way):
    means = MEANS.copy()
    target = np.argsort(np.linalg.norm(means - means[k], axis=1))[1]
    means[k] += way * (means[target] - means[k])
    return means, int(target)


@pytest.fixture(scope="module")
def held_out():
    return {name: gather(pen.datasets.features(f"{name}-test")) for name in ("cnn-mse", "cnn-ce")}


def test_names_a_planted_drift_of_one_rare_class_with_its_p_and_its_cost(held_out):
    """Class 9 of the current side moved half of the way to the class nearest to it."""
    rng, head = np.random.default_rng(SEED), pen.datasets.features("cnn-ce-test").head
    one, other = dealt(held_out["cnn-ce"], (400, 60), rng)
    other = towards_nearest(other, class_means(held_out["cnn-ce"]), 9, 0.5)
    drift = pen.drift(pen.ArraySource(*one, head), pen.ArraySource(*other))
    assert drift.moved[9] and drift.p_adjusted[9] < 1e-3 and 0.2 < drift.of_the_way[9] < 0.8
    assert drift.after.recall[9] == np.mean(head.predict(other.features[other.labels == 9]) == 9)
    assert drift.lost[9] == drift.before.recall[9] - drift.after.recall[9]
    assert drift.verdict.startswith("Class 9 moved 0.") and "its recall" in drift.verdict
    row = drift.to_dict()["classes"][9]
    assert row["moved"] and row["p"] == drift.p[9] and row["recall_interval"][0] < row["recall"]


@pytest.mark.parametrize("name", ["cnn-mse", "cnn-ce"])
def test_training_to_held_out_is_said_to_be_no_drift_and_ranks_what_was_lost(name):
    drift = pen.drift(name, f"{name}-test")
    assert drift.fitted and "no drift over time" in drift.verdict
    assert drift.of_the_way.argmax() == 6 == drift.lost.argmax()
    rank = [np.argsort(np.argsort(values)) for values in (drift.of_the_way, drift.lost)]
    assert np.corrcoef(*rank)[0, 1] > 0.8
    # Taken back to where it was, the class is answered better; nothing says by how much.
    assert drift.at_home[6] > drift.after.recall[6] and 0 < drift.by_the_mean[6] < 1
    assert drift.to_dict()["classes"][6]["towards"] in {"0", "2", "4"}


@pytest.mark.parametrize("sizes", [(30, 20), (100, 60), (100, 5)])
def test_keeps_its_level_on_real_features(held_out, sizes):
    """Bounds of three standard errors of 24 draws of ten classes (studies/drift.py knows them closer)."""
    samples = held_out["cnn-ce"]
    one = found("cnn-ce", sizes, lambda rng: dealt(samples, sizes, rng), class_means(samples), 24, SEED)
    assert one.size < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 240) + 0.02
    assert one.some < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 24)
    if sizes == (100, 60):
        assert one.power > 0.85 - 3 * np.sqrt(0.85 * 0.15 / 24)


def test_keeps_its_level_and_its_power_for_a_hundred_classes():
    means, draw = simulated(100, 32, SEED)
    rng = np.random.default_rng(SEED)
    drift = pen.drift(*(pen.ArraySource(*draw(number, rng)) for number in (60, 30)))
    assert np.mean(drift.p < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    moved = towards_nearest(draw(80, rng), means, 7, 1.0)
    assert pen.drift(pen.ArraySource(*draw(100, rng)), pen.ArraySource(*moved)).moved[7]


def test_the_gamma_law_has_the_moments_of_the_shift_under_permutation():
    """Its mean exactly, as all choices of two of six tell."""
    rng = np.random.default_rng(SEED)
    z = rng.normal(size=(6, 3))
    z -= z.mean(axis=0)
    noise = z.T @ z / 5 * (1 / 2 + 1 / 4)
    squares = [np.sum(((z[i] + z[j]) * (1 / 2 + 1 / 4)) ** 2) for i in range(6) for j in range(i)]
    assert np.mean(squares) == pytest.approx(np.trace(noise), rel=1e-12)
    mean, variance = np.trace(noise), 2 * np.trace(noise @ noise)
    assert by_moments(3.0, noise) == pytest.approx(gamma.sf(3.0, mean**2 / variance, scale=variance / mean), rel=1e-9)
    assert by_moments(0.0, np.zeros((2, 2))) == 1.0


def test_the_metric_is_half_that_of_all_classes_and_half_its_own():
    """Against the inverse; a class like all others is measured as they are, but for a factor."""
    root = np.random.default_rng(SEED).normal(size=(4, 4))
    noise = root @ root.T
    metric = own_metric(noise)
    np.testing.assert_allclose(metric @ metric.T, np.linalg.inv(noise + np.trace(noise) / 4 * np.eye(4)), rtol=1e-9)
    even = own_metric(3.0 * np.eye(2))
    np.testing.assert_allclose(even @ even.T, np.eye(2) / 6)


@pytest.mark.parametrize(("total", "size"), [(7, 3), (12, 2), (40, 3)])
def test_permutations_find_the_share_of_all_choices(total, size):
    """Against all choices; many of few and few of many are drawn in different ways."""
    from itertools import combinations

    z = np.random.default_rng(SEED).normal(size=total)
    z -= z.mean()
    every = np.array([abs(z[list(choice)].sum()) for choice in combinations(range(total), size)])
    observed = float(np.quantile(every, 0.7))
    drawn = by_permutation(
        observed, lambda chosen: np.abs(z[chosen].sum(axis=1)), total, size, 1e-3, np.random.default_rng(SEED)
    )
    share = np.mean(every >= observed - 1e-12)
    assert abs(drawn - share) < 4 * np.sqrt(share * (1 - share) / 999)


def test_more_permutations_are_drawn_where_a_small_p_value_has_to_be_told():
    def statistic(chosen):
        return np.zeros(len(chosen))

    for least in (1e-2, 1e-4):
        assert by_permutation(1.0, statistic, 50, 5, least, np.random.default_rng(0)) <= max(least, 1e-3)


def test_a_shift_is_recovered():
    """Half of the way, within three standard errors of the mean along it."""
    means, target = planted(2, 0.5)
    drift = pen.drift(*sides(2000, 500, means))
    length = np.linalg.norm(MEANS[2] - MEANS[target])
    assert drift.of_the_way[2] == pytest.approx(0.5, abs=3 / np.sqrt(400) / length + 0.01)
    assert drift.towards[2] == target and drift.moved[2]


@settings(max_examples=10, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e3), st.integers(0, 100))
def test_neither_offset_nor_scale_nor_the_order_of_samples_matters(offset, scale, seed):
    plain = pen.drift(*sides(40, 30, planted(1, 0.4)[0]))
    one, other = sides(40, 30, planted(1, 0.4)[0], offset=offset, scale=scale)
    order = np.random.default_rng(seed).permutation(30 * K)
    batch = next(other.batches())
    drift = pen.drift(one, pen.ArraySource(batch.features[order], batch.labels[order]))
    np.testing.assert_allclose(drift.p, plain.p, rtol=1e-5)
    np.testing.assert_allclose(drift.of_the_way, plain.of_the_way, rtol=1e-5, atol=1e-6)


def test_sides_can_be_exchanged():
    one, other = sides(50, 25, planted(0, 0.3)[0])
    forth, back = pen.drift(one, other), pen.drift(other, one)
    np.testing.assert_allclose(forth.p, back.p, rtol=1e-8)
    np.testing.assert_allclose(forth.spread_ratio * back.spread_ratio, 1, rtol=1e-10)


def test_statistics_that_were_kept_say_the_same(tmp_path):
    one, other = sides(60, 40, planted(3, 0.5)[0])
    whole = pen.drift(one, other)
    kept = []
    for name, source in (("a", one), ("b", other)):
        statistics = pen.FeatureStatistics(K, WIDTH, per_class=True)
        for batch in source.batches():
            statistics.update(batch.features, batch.labels)
        statistics.save(tmp_path / f"{name}.safetensors")
        kept.append(tmp_path / f"{name}.safetensors")
    for drift in (pen.drift(*kept), pen.drift(pen.FeatureStatistics.read(kept[0]), other)):
        np.testing.assert_allclose(drift.p, whole.p, rtol=1e-8)
        np.testing.assert_allclose(drift.of_the_way, whole.of_the_way, rtol=1e-8)
        assert drift.before is None and "no recalls" in drift.verdict


def test_statistics_without_what_a_p_value_takes_say_how_far_and_no_more():
    one, other = sides(60, 40, planted(3, 0.5)[0])
    pooled = [pen.FeatureStatistics.from_features(*next(source.batches())[:2]) for source in (one, other)]
    drift = pen.drift(*pooled)
    assert {found.name for found in drift.outcomes} == {"NO_SCATTER_KEPT"} and np.isnan(drift.p).all()
    assert drift.of_the_way[3] > 0.3 and "per_class=True" in drift.verdict
    few = [pen.FeatureStatistics(K, WIDTH, per_class=True) for _ in range(2)]
    for statistics, source in zip(few, sides(60, 8), strict=True):
        statistics.update(*next(source.batches())[:2])
    assert {found.name for found in pen.drift(*few).outcomes} == {"NO_SAMPLES_TO_PERMUTE"}


def test_the_second_test_sees_scatter_and_what_no_neighbour_spans():
    one, other = sides(100, 100)
    features, labels, _ = next(other.batches())
    wider = features.copy()
    own = labels == 1
    wider[own] = features[own].mean(axis=0) + 2.0 * (features[own] - features[own].mean(axis=0))
    drift = pen.drift(one, pen.ArraySource(wider, labels), shape="mmd")
    assert drift.shape_p[1] <= 0.002 and drift.moved[1] and drift.p_adjusted[1] > 0.05
    assert "changed its shape" in drift.verdict and drift.spread_ratio[1] > 1.6
    assert (drift.shape_p[[0, 2, 3]] > 0.001).all()


def test_recall_lost_has_the_interval_of_newcombe():
    """His own example, method 10: 56/70 and 48/80 differ by 0.2, from 0.0524 to 0.3339."""
    from penultimate.drifts.cost import recall_lost

    sides = []
    for right, all_of_them in ((56, 70), (48, 80)):
        sides.append((np.array([right / all_of_them, np.nan]), np.array([all_of_them, 0.0])))
    (before, n), (after, m) = sides
    lost, interval = recall_lost(before, after, (n, m))
    assert lost[0] == pytest.approx(0.2) and interval[0] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert np.isnan(interval[1]).all()


def test_identical_files_have_not_drifted():
    drift = pen.drift("cnn-ce-test", "cnn-ce-test", shape=None)
    assert drift.identical and not drift.moved.any() and (drift.of_the_way == 0).all() and (drift.lost == 0).all()
    assert drift.verdict == "Both sides are the same samples: no class moved, and nothing was lost."


def test_classes_that_cannot_be_judged_are_named():
    one, other = sides([30, 30, 30, 30], [30, 1, 0, 30])
    drift = pen.drift(one, pen.ArraySource(*next(other.batches())[:2], names=("a", "b", "c", "d")))
    assert [found.name for found in drift.outcomes][1:3] == ["TOO_FEW", "ABSENT"]
    assert "class b" in drift.verdict and "class c" in drift.verdict and np.isnan(drift.p[1:3]).all()
    assert drift.to_dict()["classes"][2]["p"] is None


@pytest.mark.parametrize("names", [("1", "10", "2"), ("cat", "dog", "eel")])
@pytest.mark.parametrize("turned", [False, True])
def test_a_side_without_names_is_read_by_numbers_that_are_names_or_as_it_stands_and_that_is_said(names, turned):
    rng = np.random.default_rng(SEED)
    means, labels = 3.0 * rng.normal(size=(3, 5)), np.repeat(np.arange(3), 40)
    one, other = (means[labels] + rng.normal(size=(120, 5)) for _ in range(2))
    numbered = names[0] == "1"
    plain = np.array([1, 10, 2])[labels] if numbered else labels
    named, bare = pen.ArraySource(one, labels, names=names), pen.ArraySource(other, plain)
    wanted = pen.ArraySource(other, labels, names=names)
    drift = pen.drift(bare, named) if turned else pen.drift(named, bare)
    np.testing.assert_array_equal(drift.p, (pen.drift(wanted, named) if turned else pen.drift(named, wanted)).p)
    said = " ".join(drift.notes)
    whose, others = ("The reference", "the current side") if turned else ("The current side", "the reference")
    how = f"its labels are taken as the names of {others}" if numbered else "0 is taken as 'cat'"
    assert f"{whose} came without class names: {how}" in said


def test_classes_are_matched_by_their_names():
    one, other = sides(40, 40, planted(1, 0.5)[0])
    names = ("a", "b", "c", "d")
    features, labels, _ = next(other.batches())
    order = np.array([2, 0, 3, 1])
    turned = pen.ArraySource(features, order[labels], names=tuple(np.array(names)[np.argsort(order)]))
    drift = pen.drift(pen.ArraySource(*next(one.batches())[:2], names=names), turned)
    np.testing.assert_allclose(drift.p, pen.drift(one, other).p)
    assert "put in the order of the reference" in drift.notes[0]


def test_two_checkpoints_of_one_network_are_compared_and_two_networks_are_not():
    rng = np.random.default_rng(SEED)
    weight = rng.normal(size=(K, WIDTH))
    near, far = weight + 0.1 * rng.normal(size=weight.shape), rng.normal(size=weight.shape)
    arrays = [next(source.batches())[:2] for source in sides(40, 40)]
    reference = pen.ArraySource(*arrays[0], pen.Head((weight,)))
    drift = pen.drift(reference, pen.ArraySource(*arrays[1], pen.Head((near,))))
    assert "two checkpoints" in drift.notes[0]
    assert drift.after.recall[0] == np.mean(pen.Head((near,)).predict(arrays[1][0][:40]) == 0)
    with pytest.raises(pen.FeaturesError, match="two networks"):
        pen.drift(reference, pen.ArraySource(*arrays[1], pen.Head((far,))))
    with pytest.raises(pen.FeaturesError, match="one network"):
        pen.drift(reference, pen.ArraySource(*arrays[1], pen.Head((np.vstack([weight, weight[:1]]),))))


ONE, OTHER = sides(30, 30)
FEATURES, LABELS, _ = next(OTHER.batches())
WITH_HOLE = np.where(np.arange(FEATURES.size).reshape(FEATURES.shape) == 7, np.nan, FEATURES)
BAD = {
    "other widths": (lambda: (ONE, pen.ArraySource(FEATURES[:, :5], LABELS)), "width 6 and the current side 5"),
    "other names": (
        lambda: (
            pen.ArraySource(FEATURES, LABELS, names=("a", "b", "c", "d")),
            pen.ArraySource(FEATURES, LABELS, names=("a", "b", "c", "e")),
        ),
        "the current side",
    ),
    "other classes": (
        lambda: (pen.FeatureStatistics(3, WIDTH), pen.FeatureStatistics(4, WIDTH)),
        "the reference has 3 classes and the current side 4",
    ),
    "a label beyond": (
        lambda: (pen.FeatureStatistics.from_features(np.eye(6)[:3], np.arange(3)), OTHER),
        "there is a label 3 on one side, and 3 classes on the other",
    ),
    "NaN": (lambda: (ONE, pen.ArraySource(WITH_HOLE, LABELS)), "1 of 120 rows hold NaN"),
    "too few everywhere": (
        lambda: (ONE, pen.ArraySource(FEATURES[::30], LABELS[::30])),
        "no class has two samples on both sides",
    ),
    "one class": (
        lambda: (pen.ArraySource(FEATURES[:30], LABELS[:30]), pen.ArraySource(FEATURES[:20], LABELS[:20])),
        "at least two",
    ),
    "no labels": (lambda: (ONE, FEATURES), "sixty labelled samples of a class"),
    "an empty statistic": (lambda: (ONE, pen.FeatureStatistics(4, WIDTH)), "no class has two samples on both sides"),
    "another head": (lambda: (ONE, OTHER), "the head reads features of width 3", {"head": pen.Head((np.eye(3),))}),
    "a head of other classes": (lambda: (ONE, OTHER), "classes", {"head": pen.Head((np.ones((3, WIDTH)),))}),
    "no level": (lambda: (ONE, OTHER), "level=0", {"level": 0.0}),
    "a level that is text": (lambda: (ONE, OTHER), "level must be a number, got 'high'", {"level": "high"}),
    "no seed": (lambda: (ONE, OTHER), "the seed must be a number, got None", {"seed": None}),
    "no such shape": (lambda: (ONE, OTHER), "shape='pie'", {"shape": "pie"}),
    "shape of statistics": (
        lambda: (ONE, pen.FeatureStatistics.from_features(FEATURES, LABELS)),
        "statistics keep none",
        {"shape": "mmd"},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_compared_is_one_clear_error(case):
    make, message, *given = BAD[case]
    with pytest.raises(pen.PenultimateError, match=message):
        pen.drift(*make(), **(given[0] if given else {}))


def test_weights_have_no_use(tmp_path):
    np.savez(tmp_path / "a.npz", H=FEATURES, y=LABELS, weights=np.ones(len(LABELS)))
    with pytest.raises(pen.FeaturesError, match="weights"):
        pen.drift(ONE, tmp_path / "a.npz")


def test_a_class_that_does_not_vary_has_not_moved_and_features_that_do_not_are_refused():
    still = np.where((LABELS == 2)[:, None], MEANS[2], FEATURES)
    drift = pen.drift(pen.ArraySource(still, LABELS), pen.ArraySource(still[::-1], LABELS[::-1]))
    assert not drift.moved.any() and drift.p[2] == 1 and drift.of_the_way[2] < 1e-6
    with pytest.raises(pen.FeaturesError, match="no noise"):
        pen.drift(pen.ArraySource(MEANS[LABELS], LABELS), pen.ArraySource(MEANS[LABELS][::2], LABELS[::2]))


def test_probabilities_in_place_of_labels_lose_power(held_out):
    """Why unlabelled samples are refused: on features of squared error nothing of the power is left."""
    power = unlabelled("cnn-mse-test", (100, 60), 8, SEED)
    assert power["labels"] > 0.5 > power["the head's probabilities as weights"]


def test_the_command_prints_and_writes_it(monkeypatch, capsys, tmp_path):
    code, out, err = run(monkeypatch, capsys, "drift", "cnn-ce", "cnn-ce-test", "--json", tmp_path / "d.json")
    assert code == 0 and len(err.splitlines()) == 1 and "Class 6" in out
    record = json.loads((tmp_path / "d.json").read_text())
    first = record["classes"][0]
    assert first["class"] == "6" and first["p"] < 1e-6 and first["recall_interval"][1] < 0.5 and record["moved"]
    code, out, err = run(monkeypatch, capsys, "drift", "cnn-ce", "cnn-ce-test", "--classes", "1")
    assert code == 0 and "< 1e-06" in out and "Class 6 moved 0.4" in " ".join(out.split())
    code, out, err = run(monkeypatch, capsys, "drift", "cnn-ce", "cnn-mse-test")
    assert code == 2 and "two networks" in err and len(err.splitlines()) == 1


def test_wilson_is_that_of_the_normal_quantile():
    drift = pen.drift("cnn-ce", "cnn-ce-test")
    low, high = drift.after.recall_interval[6]
    n, z, p = 1000, norm.ppf(0.975), drift.after.recall[6]
    for end in (low, high):
        assert (end - p) ** 2 == pytest.approx(z**2 * end * (1 - end) / n, rel=1e-8)


def test_samples_are_dealt_once():
    samples = Samples(np.arange(20.0)[:, None].astype(np.float32), np.repeat([0, 1], 10))
    one, other = dealt(samples, (4, 3), np.random.default_rng(0))
    assert len(np.unique(np.concatenate([one.features, other.features]))) == 14


@pytest.mark.parametrize("with_head", [True, False])
def test_samples_behind_a_move_are_the_current_ones_of_the_smallest_margin(with_head):
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 80)
    means = 2 * np.eye(3)
    reference = means[labels] + rng.normal(size=(240, 3))
    means[2] += 0.5 * (means[0] - means[2])
    current, order = means[labels] + rng.normal(size=(240, 3)), rng.permutation(240)
    head = pen.Head((rng.normal(size=(3, 3)),), np.zeros(3)) if with_head else None
    drift = pen.drift(
        pen.ArraySource(reference, labels), pen.ArraySource(current[order], labels[order]), head=head, seed=1
    )
    if head is None:
        centres = np.array([reference[labels == k].mean(axis=0) for k in range(3)])
        scores = -0.5 * np.sum((current[:, None] - centres) ** 2, axis=2)
    else:
        scores = current @ head.product.T + head.offset
    own = scores[np.arange(240), labels].copy()
    scores[np.arange(240), labels] = -np.inf
    margin = (own - scores.max(axis=1))[order]
    for k, record in enumerate(drift.to_dict()["classes"]):
        rows = np.flatnonzero(labels[order] == k)
        worst = rows[np.argsort(margin[rows])][:20]
        assert [sample["row"] for sample in record["worst_samples"]] == worst.tolist()
        np.testing.assert_allclose([sample["margin"] for sample in record["worst_samples"]], margin[worst], rtol=1e-9)


def test_statistics_keep_no_samples():
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(2), 40)
    one, other = (
        pen.FeatureStatistics.from_features(rng.normal(size=(80, 3)) + labels[:, None], labels) for _ in range(2)
    )
    assert pen.drift(one, other).to_dict()["classes"][0]["worst_samples"] is None
