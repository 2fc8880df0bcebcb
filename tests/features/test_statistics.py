import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features.decisions import Decisions


def samples(seed, dtype=np.float64, offset=0.0, classes=4, number=300, dimension=5, spread=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size=number)
    features = (
        offset + 3.0 * rng.normal(size=(classes, dimension))[labels] + spread * rng.normal(size=(number, dimension))
    )
    return features.astype(dtype), labels


def truth(features, labels, classes=4):
    """Counts, means, spreads and within-class scatter of the stored numbers, in extended precision."""
    wide = features.astype(np.longdouble)
    means = np.stack([wide[labels == k].mean(axis=0) for k in range(classes)])
    rest = wide - means[labels]
    spreads = np.array([np.sum(rest[labels == k] ** 2) for k in range(classes)])
    return means, spreads, rest.T @ rest


def relative(found, expected):
    return float(np.linalg.norm(np.asarray(found - expected, dtype=float)) / np.linalg.norm(expected.astype(float)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.lists(st.integers(1, 120), min_size=1, max_size=6), st.sampled_from([0.0, 1e3]))
def test_batches_order_and_shards_do_not_change_the_result(seed, sizes, offset):
    features, labels = samples(seed, offset=offset)
    whole = pen.FeatureStatistics.from_features(features, labels, 4)
    order = np.random.default_rng(seed).permutation(len(labels))
    cuts = np.cumsum(sizes) % len(labels)
    shards = []
    for part in np.split(order, np.sort(cuts)):
        shard = pen.FeatureStatistics(4, 5)
        shard.update(features[part], labels[part])
        shards.append(shard)
    merged = shards[-1].copy()
    for shard in shards[:-1]:
        merged.merge(shard)
    np.testing.assert_array_equal(merged.counts, whole.counts)
    np.testing.assert_allclose(merged.means, whole.means, rtol=1e-12, atol=1e-12 * (1 + offset))
    assert relative(merged.spreads, whole.spreads) < 1e-12 * (1 + offset)
    assert relative(merged.within_scatter, whole.within_scatter) < 1e-12 * (1 + offset)


@pytest.mark.parametrize(
    ("dtype", "offset"), [(np.float32, 1e4), (np.float32, 0.0), (np.float64, 1e8), (np.float16, 10.0)]
)
def test_an_offset_costs_no_more_than_the_type_itself_lost(dtype, offset):
    exact, labels = samples(1, offset=offset, number=4000)
    stored = exact.astype(dtype)
    means, spreads, scatter = truth(stored, labels)
    found = pen.FeatureStatistics.from_features(stored, labels)
    lost = relative(scatter, truth(exact, labels)[2])
    assert relative(found.means, means) < 1e-12
    assert relative(found.spreads, spreads) < 1e-10
    assert relative(found.within_scatter, scatter) <= max(lost, 1e-6)


def test_second_moments_less_squared_means_lose_everything_where_this_does_not():
    features, labels = samples(2, np.float32, offset=1e4, number=4000)
    scatter = truth(features, labels)[2]
    means = np.stack([features[labels == k].mean(axis=0) for k in range(4)])
    counts = np.bincount(labels).astype(np.float32)
    naive = features.T @ features - (means * counts[:, None]).T @ means
    assert relative(naive, scatter) > 1e-2
    assert relative(pen.FeatureStatistics.from_features(features, labels).within_scatter, scatter) < 1e-6


def test_collapsed_features_sorted_by_class_keep_their_digits():
    features, labels = samples(3, number=3000, spread=1e-4)
    order = np.argsort(labels, kind="stable")
    features, labels = features[order].astype(np.float32), labels[order]
    assert (
        relative(pen.FeatureStatistics.from_features(features, labels).within_scatter, truth(features, labels)[2])
        < 1e-4
    )


def test_a_first_sample_far_away_does_not_spoil_its_class():
    features, labels = samples(4, np.float32, number=2000)
    features[np.argmax(labels == 1)] += 1e4
    # Single precision about a shift 1e4 away: a few 1e-6, ten times what a mean nearby costs.
    assert (
        relative(pen.FeatureStatistics.from_features(features, labels).within_scatter, truth(features, labels)[2])
        < 1e-5
    )


def test_whole_weights_are_repeated_samples():
    features, labels = samples(5)
    weights = np.random.default_rng(5).integers(0, 4, size=len(labels))
    weighted = pen.FeatureStatistics(4, 5)
    weighted.update(features, labels, weights.astype(float))
    repeated = pen.FeatureStatistics.from_features(np.repeat(features, weights, axis=0), np.repeat(labels, weights), 4)
    np.testing.assert_array_equal(weighted.counts, repeated.counts)
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-12)
    np.testing.assert_allclose(weighted.within_scatter, repeated.within_scatter, rtol=1e-11, atol=1e-10)


def test_scatters_of_classes_add_up_and_total_is_within_plus_between():
    features, labels = samples(6)
    kept = pen.FeatureStatistics(4, 5, per_class=True)
    kept.update(features, labels)
    np.testing.assert_allclose(kept.class_scatters.sum(axis=0), kept.within_scatter)
    np.testing.assert_allclose(np.trace(kept.class_scatters, axis1=1, axis2=2), kept.spreads)
    np.testing.assert_allclose(kept.total_scatter, len(labels) * np.cov(features.T, bias=True), rtol=1e-10)
    with pytest.raises(pen.FeaturesError, match="per_class=True"):
        _ = pen.FeatureStatistics.from_features(features, labels).class_scatters


BAD = {
    "hold NaN or infinity, the first is sample 302": ({"features": np.full((3, 5), [1, 2, np.nan, 4, 5])}, 300),
    "labels: row 1 has 4, outside 0 … 3": ({"labels": np.array([0, 4, 1])}, 0),
    "labels: row 2 has -1": ({"labels": np.array([0, 1, -1])}, 0),
    "labels are float64": ({"labels": np.array([0.0, 1.0, 2.0])}, 0),
    "labels have shape \\(2,\\)": ({"labels": np.array([0, 1])}, 0),
    "expected \\(samples, 5\\)": ({"features": np.ones((3, 4))}, 0),
    "of type object": ({"features": np.array([[object()] * 5] * 3)}, 0),
    "weights: row 0 has -1.0": ({"weights": [-1.0, 1.0, 1.0]}, 0),
    "predictions: row 0 has 9": ({"predictions": np.array([9, 0, 0])}, 0),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_batch_is_refused_and_changes_nothing(message):
    statistics = pen.FeatureStatistics.from_features(*samples(7), 4)
    before = {name: array.copy() for name, array in statistics.arrays().items()}
    batch = {"features": np.ones((3, 5)), "labels": np.array([0, 1, 2])} | BAD[message][0]
    if "NaN" in message:
        batch["features"][:2] = 1.0
    with pytest.raises(pen.FeaturesError, match=message):
        statistics.update(**batch)
    for name, array in statistics.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_bad_rows_can_be_dropped_and_are_counted():
    features, labels = samples(8)
    features[[3, 9], 1] = np.nan, np.inf
    statistics = pen.FeatureStatistics(4, 5)
    statistics.update(features, labels, gaps="drop")
    kept = np.delete(np.arange(len(labels)), [3, 9])
    assert statistics.dropped == 2 and statistics.rows == len(labels) - 2
    np.testing.assert_allclose(
        statistics.means, pen.FeatureStatistics.from_features(features[kept], labels[kept], 4).means
    )


def test_saved_statistics_go_on_bit_for_bit(tmp_path):
    features, labels = samples(9, np.float32)
    whole, begun = pen.FeatureStatistics(4, 5), pen.FeatureStatistics(4, 5)
    for part in (slice(0, 130), slice(130, None)):
        whole.update(features[part], labels[part])
    begun.update(features[:130], labels[:130])
    begun.save(tmp_path / "half.safetensors", note={"epoch": 3})
    again, note = pen.FeatureStatistics.read_with_note(tmp_path / "half.safetensors")
    again.update(features[130:], labels[130:])
    assert note == {"epoch": 3}
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "s.safetensors"
    pen.FeatureStatistics.from_features(*samples(10), 4).save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(pen.FileError, match="damaged"):
        pen.FeatureStatistics.read(path)
    with pytest.raises(pen.FileError, match="no such file"):
        pen.FeatureStatistics.read(tmp_path / "missing")
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, path)
    with pytest.raises(pen.FileError, match="no penultimate feature statistics"):
        pen.FeatureStatistics.read(path)


def test_what_differs_cannot_be_merged():
    with pytest.raises(pen.FeaturesError, match="different classes"):
        pen.FeatureStatistics(3, 2).merge(pen.FeatureStatistics(4, 2))
    with pytest.raises(pen.FeaturesError, match="different width"):
        pen.FeatureStatistics(3, 2).merge(pen.FeatureStatistics(3, 4))
    for wrong in ({"classes": 1, "dimension": 2}, {"classes": 2, "dimension": 0}):
        with pytest.raises(pen.FeaturesError, match="give at least"):
            pen.FeatureStatistics(**wrong)


def test_memory_does_not_grow_with_batches():
    statistics = pen.FeatureStatistics.from_features(*samples(11), 4)
    size = statistics.nbytes
    for seed in range(20):
        statistics.update(*samples(seed))
    assert statistics.nbytes == size


class OnlyDlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_tensors_and_dlpack_are_read_as_what_they_hold():
    features, labels = samples(12, np.float32)
    expected = pen.FeatureStatistics.from_features(features, labels)
    np.testing.assert_array_equal(
        pen.FeatureStatistics.from_features(OnlyDlpack(features), labels).means, expected.means
    )
    torch = pytest.importorskip("torch")
    found = pen.FeatureStatistics.from_features(torch.tensor(features, requires_grad=True), torch.tensor(labels))
    np.testing.assert_array_equal(found.means, expected.means)
    half = torch.tensor(features).bfloat16()
    rounded = pen.FeatureStatistics.from_features(half.float().numpy(), labels)
    np.testing.assert_array_equal(pen.FeatureStatistics.from_features(half, labels).means, rounded.means)


def test_decisions_agree_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(13)
    labels, answers = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    statistics = pen.FeatureStatistics(6, 2)
    statistics.update(rng.normal(size=(200, 2)), labels, predictions=answers)
    held = statistics.decisions
    np.testing.assert_array_equal(held.confusion, metrics.confusion_matrix(labels, answers, labels=range(6)))
    np.testing.assert_allclose(held.recall[:5], metrics.recall_score(labels, answers, average=None, labels=range(5)))
    assert np.isnan(held.recall[5]) and held.balanced_accuracy == pytest.approx(held.recall[:5].mean())
    assert Decisions.empty(3000).confusion is None and np.isnan(Decisions.empty(3).accuracy)


def test_a_statistic_that_memory_does_not_hold():
    with pytest.raises(pen.FeaturesError, match="width 50000000 does not fit into memory"):
        pen.FeatureStatistics(2, 50_000_000)


@given(offset=st.sampled_from([0.0, 1e6]), seed=st.integers(0, 9))
@settings(max_examples=6)
def test_what_is_frozen_says_the_same_and_takes_more_samples(offset, seed):
    rng = np.random.default_rng(seed)
    features, labels = offset + rng.normal(size=(80, 3)), rng.integers(0, 5, size=80)
    labels[:40][labels[:40] == 4] = 3  # a class that comes later
    plain, frozen = (pen.FeatureStatistics.from_features(features[:40], labels[:40], classes=6) for _ in range(2))
    frozen.freeze()
    kept = frozen.means
    np.testing.assert_allclose(kept, plain.means, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(frozen.within_scatter, plain.within_scatter, atol=1e-12 * (1 + offset))
    np.testing.assert_allclose(frozen.spreads, plain.spreads, atol=1e-12 * (1 + offset))
    assert sum(array.size for array in frozen.arrays().values()) == sum(array.size for array in plain.arrays().values())
    other = pen.FeatureStatistics.from_features(features[40:], labels[40:], classes=6)
    other.freeze()
    merged = frozen.copy().merge(other)
    for statistics in (plain, frozen):
        statistics.update(features[40:], labels[40:])
    for found in (frozen, merged):
        np.testing.assert_allclose(found.means, plain.means, rtol=1e-14, atol=1e-13)
        np.testing.assert_allclose(found.within_scatter, plain.within_scatter, atol=1e-10 * (1 + offset))
    # Means that were handed out stay what they were.
    assert not kept.flags.writeable
    np.testing.assert_array_equal(np.isnan(kept[4]), True)
