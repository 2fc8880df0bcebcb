"""Means that a monitor keeps, and what a trajectory says of them."""

import copy
import json

import numpy as np
import pytest
import torch

import penultimate as pen
from penultimate.noise.standing import Standing
from penultimate.torch.monitoring.parts import announce
from penultimate.torch.monitoring.watching import Watching

COUNTS = [60, 40, 30, 20, 12, 4, 1]
WIDTH = 24


def samples(seed=0, number=None):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))[:number]
    return torch.tensor(rng.normal(size=(len(labels), WIDTH))), torch.tensor(labels)


def monitor(**options):
    forecast = pen.forecast(pen.ClassCounts(COUNTS), weight_decay=1e-4)
    torch.manual_seed(0)
    head = torch.nn.Linear(WIDTH, len(COUNTS))
    return pen.torch.FeatureMonitor(len(COUNTS), WIDTH, head=head, forecast=forecast, keep_means=True, **options)


def filled(watch, features, labels, batch=23, ids=None):
    for place in torch.arange(len(labels)).split(batch):
        watch.update(features[place], labels[place], *(() if ids is None else (ids[place],)))
    return watch


def residuals_of(features, labels, part):
    out = np.zeros((len(COUNTS), 16, WIDTH))
    for k in range(len(COUNTS)):
        own = features.numpy()[labels == k]
        np.add.at(out[k], part[labels == k], own - own.mean(axis=0))
    return out


def test_parts_are_places_in_the_class_whatever_the_batches():
    features, labels = samples()
    features += 1e4
    place = np.zeros(len(labels), int)
    for k in range(len(COUNTS)):
        place[labels == k] = np.arange(COUNTS[k]) % 16
    for batch in (1, 23, 167):
        kept = filled(monitor(), features, labels, batch).means()
        np.testing.assert_allclose(kept.residuals, residuals_of(features, labels, place), atol=1e-6)
        np.testing.assert_array_equal(kept.part_counts.sum(axis=1), COUNTS)
        whole = pen.FeatureStatistics.from_features(features, labels, len(COUNTS))
        np.testing.assert_allclose(kept.means, whole.means, rtol=1e-13)
        assert kept.order == filled(monitor(), features + 1, labels).means().order


def test_with_ids_parts_do_not_depend_on_the_order():
    features, labels = samples()
    ids, turned = torch.arange(len(labels)), torch.randperm(len(labels))
    first = filled(monitor(dataset_size=len(labels)), features, labels, ids=ids).means()
    other = filled(monitor(dataset_size=len(labels)), features[turned], labels[turned], ids=ids[turned]).means()
    np.testing.assert_allclose(first.residuals, other.residuals, atol=1e-5)
    assert first.order == other.order
    assert np.count_nonzero(first.part_counts[0]) > 10
    assert first.order != filled(monitor(), features[turned], labels[turned]).means().order


def test_merged_monitors_keep_what_both_have_seen():
    features, labels = samples()
    half = len(labels) // 2
    one, two = (filled(monitor(), features[place], labels[place]) for place in (slice(half), slice(half, None)))
    parts = [copy.deepcopy(watch).means() for watch in (one, two)]
    one.merge_state(two)
    kept = one.means()
    np.testing.assert_array_equal(kept.part_counts, parts[0].part_counts + parts[1].part_counts)
    np.testing.assert_allclose(kept.residuals.sum(axis=1), 0, atol=1e-4)
    raw = sum(part.residuals + part.part_counts[..., None] * np.nan_to_num(part.means)[:, None] for part in parts)
    expected = raw - kept.part_counts[..., None] * kept.means[:, None]
    np.testing.assert_allclose(kept.residuals, expected, atol=1e-4)


def test_means_that_are_not_kept_are_refused_with_the_way_to_keep_them():
    with pytest.raises(pen.FeaturesError, match="keep_means=True"):
        pen.torch.FeatureMonitor(3, 4).means()


def test_what_takes_much_memory_is_said_first_and_too_much_refused():
    with pytest.warns(UserWarning, match="1,000 classes and width 1,024 take 70 MiB for every look"):
        announce(1000, 1024)
    with pytest.raises(pen.FeaturesError, match="watch fewer classes"):
        pen.torch.FeatureMonitor(100_000, 4096, keep_means=True)


@pytest.fixture(scope="module")
def followed():
    """Class 1 is there from step 20 on; class 2 at steps 20 and 30; class 5 has four samples, class 6 one."""
    features, labels = samples()
    watch = monitor()
    trajectory = pen.torch.Trajectory(watch.forecast)
    for step, strength in ((10, [0, 0]), (20, [3, 4]), (30, [3, 4]), (40, [3, 0])):
        moved = features.clone()
        for k, size in zip((1, 2), strength, strict=True):
            moved[labels == k, k] += size
        filled(watch, moved, labels)
        trajectory.add(step, watch.compute(), watch.means())
        watch.reset()
    return trajectory


def test_classes_are_born_and_die_where_they_were_planted(followed):
    found = followed.directions()
    one, two, few, single = (found.classes[k] for k in (1, 2, 5, 6))
    assert (one.standing, one.born_at, one.died_at) == (Standing.ABOVE, 20, None)
    assert (two.standing, two.born_at, two.died_at) == (Standing.ABOVE, 20, 40)
    assert one.strength[1:] == pytest.approx(3.0, abs=1.0) and one.alignment > 0.8
    assert one.error == pytest.approx((40 * (1 - 40 / 166)) ** -0.5)
    assert few.standing is Standing.TOO_FEW and few.p >= 1 / 8 and few.born_at is None
    assert single.standing is Standing.TOO_FEW and np.isnan(single.strength).all()
    assert "Too few samples to tell: 5, 6" in found.verdict
    assert "2 (30 samples) had a direction from step 20" in found.verdict
    assert len(found.labels) == followed.strength.shape[1] and found.labels[0].standing is Standing.ABOVE
    assert any("alignments are rough" in note for note in found.notes)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["verdict"] == found.verdict and record["classes"][6]["strength"] == [None] * 4
    assert "\n" not in repr(found)


def test_a_shared_direction_is_found(followed):
    shared = followed.shared()
    assert shared.p == pytest.approx(1 / 200) and np.isnan(shared.classes[6])
    assert abs(shared.features[1]) + abs(shared.features[2]) > 0.7
    json.dumps(shared.to_dict(), allow_nan=False)


def test_the_chart_has_points_where_a_class_stands_above_noise(followed):
    spec = followed.directions().plot().to_dict()
    rows = next(iter(spec["datasets"].values()))
    assert [row["step"] for row in rows if row["class"].startswith("2 (") and row["above"]] == [20, 30]
    assert spec["title"]["text"] == "Which classes are real, and since when"


def test_saved_trajectories_have_their_means(followed, tmp_path):
    path = tmp_path / "run.safetensors"
    followed.save(path)
    again = pen.torch.Trajectory.read(path, followed.forecast)
    np.testing.assert_array_equal(again.strength, followed.strength)
    assert again.directions().to_dict() == followed.directions().to_dict()
    with pytest.raises(pen.FeaturesError, match="forecast of other counts"):
        pen.torch.Trajectory.read(path, pen.forecast(pen.ClassCounts([5, 4, 3]), weight_decay=1e-3))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(pen.FileError):
        pen.torch.Trajectory.read(path, followed.forecast)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_decay": 0.02}, r"another weight decay \(0.01 there, 0.02 here\)"),
        ({"loss": "weighted:inverse"}, r"another loss \(ce there, weighted:inverse here\)"),
        ({"bias": "none"}, r"another bias \(free there, none here\)"),
        ({"feature_ratio": 5.0}, "of other counts or another feature decay"),
    ],
)
def test_a_forecast_at_another_weight_decay_or_of_another_loss_is_refused(changes, message, tmp_path):
    told = {"weight_decay": 0.01, "loss": "ce", "feature_ratio": 1.0}
    counts, path = pen.ClassCounts([30, 30, 30]), tmp_path / "run.safetensors"
    trajectory = pen.torch.Trajectory(pen.forecast(counts, **told))
    trajectory.add(1, {"direction/1": 1.0})
    trajectory.save(path)
    assert len(pen.torch.Trajectory.read(path, pen.forecast(counts, **told))) == 1
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.Trajectory.read(path, pen.forecast(counts, **told | changes))


def test_trajectories_of_earlier_versions_are_read_and_damaged_notes_are_told(followed, tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    for note, error in (({}, None), ({"problem": "["}, "damaged"), ({"problem": "1"}, "damaged")):
        monkeypatch.setattr("penultimate.torch.monitoring.trajectory.note_of", lambda _, note=note: note)
        followed.save(path)
        if error is None:
            assert len(pen.torch.Trajectory.read(path, followed.forecast)) == len(followed)
            continue
        with pytest.raises(pen.FileError, match=error):
            pen.torch.Trajectory.read(path, followed.forecast)


def test_what_cannot_be_followed_is_refused(followed):
    forecast = followed.forecast
    trajectory = pen.torch.Trajectory(forecast)
    with pytest.raises(pen.FeaturesError, match="kept means of 0 looks and two are needed"):
        trajectory.directions()
    for level in (0.001, 1.0, -1.0):
        with pytest.raises(pen.ProblemError, match="give one from 0"):
            followed.directions(level)
    features, labels = samples()
    turned = torch.randperm(len(labels))
    watch = filled(monitor(), features, labels)
    figures = watch.compute()
    trajectory.add(1, figures, watch.means())
    other = filled(monitor(), features[turned], labels[turned])
    with pytest.warns(UserWarning, match="other samples than the first, or of the same in another order"):
        trajectory.add(2, figures, other.means())
    trajectory.add(3, figures, other.means())  # said once
    with pytest.raises(pen.FeaturesError, match="does not shuffle, or give update"):
        trajectory.shared()
    narrow = pen.torch.FeatureMonitor(len(COUNTS), 5, keep_means=True)
    narrow.update(features[:, :5], labels)
    with pytest.raises(pen.FeaturesError, match="use one monitor"):
        trajectory.add(4, figures, narrow.means())


def test_classes_of_one_sample_each_have_no_noise_to_be_judged_by():
    watch = monitor()
    trajectory = pen.torch.Trajectory(watch.forecast)
    for step in (1, 2):
        watch.update(torch.randn(7, WIDTH), torch.arange(7))
        trajectory.add(step, watch.compute(), watch.means())
        watch.reset()
    with pytest.raises(pen.FeaturesError, match="0 classes have two samples or more"):
        trajectory.directions()


def test_callbacks_keep_means_by_themselves():
    watching = Watching(monitor(), None, "collapse/")
    features, labels = samples()
    for step in (10, 20):
        filled(watching._monitor, features, labels)
        watching._finish(step)
    assert watching.trajectory.directions().steps.tolist() == [10, 20]
