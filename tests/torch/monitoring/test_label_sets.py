"""The monitor of several labels a sample against `LabelStatistics`, `LabelAudit`, and the monitor of one class."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import penultimate as pen
from penultimate.torch.monitoring import label_sums
from seeds import SEED

NAMES = ("cat", "pet", "dog", "newt", "eel")


def samples(seed, number=600, dtype=torch.float64, offset=0.0):
    rng = np.random.default_rng(seed + SEED)
    labels = (rng.random((number, 5)) < [0.5, 0.4, 0.2, 0.1, 0.03]).astype(np.float32)
    labels[:5] = np.eye(5)  # each occurs
    both = labels[:, :1] * labels[:, 1:2] * rng.normal(size=(1, 7))
    features = offset + labels @ rng.normal(size=(5, 7)) + both + 0.5 * rng.normal(size=(number, 7))
    return torch.tensor(features, dtype=dtype), torch.tensor(labels)


def filled(features, labels, batch=37, **options):
    monitor = pen.torch.FeatureMonitor(NAMES, 7, label_sets=True, **options)
    for rows, own in zip(features.split(batch), labels.split(batch), strict=True):
        monitor.update(rows, own)
    return monitor


def assert_same(found, wanted, rtol=1e-10):
    np.testing.assert_array_equal(found.counts, wanted.counts)
    np.testing.assert_array_equal(found.targets.second_moment.toarray(), wanted.targets.second_moment.toarray())
    assert found.targets.unlabelled == wanted.targets.unlabelled
    np.testing.assert_allclose(found.scatter, wanted.scatter, rtol=rtol, atol=rtol * np.abs(wanted.scatter).max())
    np.testing.assert_allclose(found.cross, wanted.cross, rtol=rtol, atol=rtol * np.abs(wanted.cross).max())
    if wanted.between_sets is not None:
        assert found.between_sets == pytest.approx(wanted.between_sets, rel=rtol)
        assert found.targets.sets.times.size == wanted.targets.sets.times.size


@pytest.mark.parametrize(
    ("batch", "dtype", "offset"),
    [(1, torch.float64, 0.0), (37, torch.float32, 10.0), (37, torch.float64, 1e3), (600, torch.float64, 0.0)],
)
def test_it_is_label_statistics_whatever_the_batches(batch, dtype, offset):
    features, labels = samples(0, dtype=dtype, offset=offset, number=60 if batch == 1 else 600)
    wanted = pen.LabelStatistics.from_features(features.double().numpy(), labels.numpy(), NAMES)
    assert_same(filled(features, labels, batch).statistics(), wanted)


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float16])
def test_labels_of_any_type_and_sequences(kind):
    features, labels = samples(1)
    monitor = pen.torch.FeatureMonitor(NAMES, 7, label_sets=True)
    with torch.inference_mode():
        monitor.update(features.reshape(60, 10, 7), labels.to(kind).reshape(60, 10, 5))
    assert_same(monitor.statistics(), pen.LabelStatistics.from_features(features.numpy(), labels.numpy(), NAMES))


def test_figures_are_those_of_an_audit():
    features, labels = samples(2)
    layer = nn.Linear(7, 5).double()
    values = filled(features, labels, head=layer).compute()
    head = pen.Head((layer.weight.detach().numpy(),), layer.bias.detach().numpy())
    audit = pen.audit_label_sets(features.numpy(), labels.numpy(), head=head, names=NAMES)
    assert values["samples"] == 600 and values["labels"] == 5 and values["sets"] == audit.shares.sets
    for name in ("additive", "beyond", "within", "lack_of_fit"):
        assert float(values[name]) == pytest.approx(getattr(audit.shares, name), rel=1e-9), name
    assert float(values["off_diagonal_share"]) == pytest.approx(audit.off_diagonal_share, rel=1e-9)
    assert float(values["lift"]) == pytest.approx(audit.lift.mean(), rel=1e-9)
    assert float(values["separation/newt"]) == pytest.approx(audit.separation[3], rel=1e-9)
    assert "direction/1" not in values and "macro_f1" not in values  # no forecast says the loss


def test_directions_are_those_of_training_targets_and_answers_those_of_the_head_as_it_stood():
    features, labels = samples(3)
    targets = pen.LabelScatter.from_labels(labels.numpy(), NAMES)
    forecast = pen.forecast(targets, weight_decay=1e-3)
    layer = nn.Linear(7, 5).double()
    monitor = filled(features, labels, head=layer, forecast=forecast)
    values = monitor.compute()
    audit = pen.audit_label_sets(monitor.statistics(), head=monitor.head)
    found = [float(values[f"direction/{i}"]) for i in range(1, 6)]
    np.testing.assert_allclose(found, audit.strength, rtol=1e-8)
    said = ((features @ layer.weight.T + layer.bias) > 0.5).detach().numpy()
    on = labels.numpy() > 0
    f1 = 2 * (said & on).sum(axis=0) / (said.sum(axis=0) + on.sum(axis=0))
    assert float(values["macro_f1"]) == pytest.approx(f1.mean())
    assert float(values["f1/dog"]) == pytest.approx(f1[2])
    assert values["answered"] == np.count_nonzero(said.any(axis=0))
    # Sigmoids answer from a score of 0 on, and another order of names is put in that of the columns.
    other = pen.LabelScatter.from_labels(labels.numpy()[:, ::-1], NAMES[::-1])
    turned = filled(features, labels, head=layer, forecast=pen.forecast(other, weight_decay=1e-3, loss="bce")).compute()
    again = [float(turned[f"direction/{i}"]) for i in range(1, 6)]
    np.testing.assert_allclose(again, audit.strength, rtol=1e-8)
    assert float(turned["answered"]) == np.count_nonzero(
        ((features @ layer.weight.T + layer.bias) > 0).any(dim=0).numpy()
    )


def test_one_label_each_has_the_strengths_of_the_monitor_of_classes():
    rng = np.random.default_rng(SEED)
    counts = np.array([60, 30, 10])
    classes = torch.tensor(np.repeat(np.arange(3), counts))
    features, layer = torch.tensor(rng.normal(size=(100, 7))), nn.Linear(7, 3).double()
    one = pen.torch.FeatureMonitor(
        3, 7, head=layer, forecast=pen.forecast(pen.ClassCounts(counts), weight_decay=1e-3, feature_ratio=1.0)
    )
    targets = pen.LabelScatter.from_labels(np.eye(3)[classes.numpy()])
    several = pen.torch.FeatureMonitor(3, 7, head=layer, forecast=pen.forecast(targets, weight_decay=1e-3))
    # Other shares than in training: validation is balanced.
    kept = torch.tensor([*range(8), *range(60, 68), *range(90, 98)])
    one.update(features[kept], classes[kept])
    several.update(features[kept], nn.functional.one_hot(classes[kept], 3))
    for i in (1, 2):
        expected = float(one.compute()[f"direction/{i}"])
        assert float(several.compute()[f"direction/{i}"]) == pytest.approx(expected, rel=1e-9)


def test_directions_that_unseen_labels_carry_have_no_figure():
    features, labels = samples(4)
    forecast = pen.forecast(pen.LabelScatter.from_labels(labels.numpy(), NAMES), weight_decay=1e-3)
    labels[:, 4] = 0
    values = filled(features, labels, head=nn.Linear(7, 5).double(), forecast=forecast).compute()
    assert "direction/4" in values and "direction/5" not in values


def test_merged_copied_pickled_and_joined_by_processes():
    features, labels = samples(5, offset=50.0)
    whole = pen.LabelStatistics.from_features(features.numpy(), labels.numpy(), NAMES)
    one, other = filled(features[:100], labels[:100]), filled(features[100:], labels[100:])
    one.merge_state(pickle.loads(pickle.dumps(other)))
    assert_same(one.statistics(), whole)
    late = filled(features[:0], labels[:0])
    late.merge_state(other.metric_state)
    late.update(features[:100], labels[:100])
    assert_same(copy.deepcopy(late).statistics(), whole)
    late.merge_state(filled(features[:0], labels[:0]))
    assert_same(late.statistics(), whole)
    twins = {"distributed_available_fn": lambda: True, "dist_sync_fn": lambda state, group=None: [state, state]}
    both = filled(features, labels, **twins)
    assert both.compute()["samples"] == 1200
    assert_same(both.statistics(), whole + whole)
    both.reset()
    assert both.statistics().samples == 0


def test_too_many_sets_are_not_told_apart_and_no_share_is_wrong(monkeypatch):
    monkeypatch.setattr(label_sums, "_PLACES", 8)
    features, labels = samples(6)
    values = filled(features, labels).compute()
    assert {"beyond", "within", "lack_of_fit", "sets"}.isdisjoint(values) and "separation" in values
    statistics = pen.LabelStatistics.from_features(features.numpy(), labels.numpy(), NAMES)
    statistics._of_sets = None
    assert float(values["additive"]) == pytest.approx(pen.audit_label_sets(statistics).shares.additive)


def test_thousands_of_sets_find_their_places():
    rng = np.random.default_rng(SEED)
    labels = np.unique(rng.random((5500, 40)) < 0.2, axis=0).astype(np.float32)
    monitor = pen.torch.FeatureMonitor(40, 2, label_sets=True)
    for rows in torch.tensor(labels).split(500):
        monitor.update(torch.zeros(len(rows), 2), rows)
    statistics = monitor.statistics()
    assert statistics.targets.sets.times.size == len(labels)
    np.testing.assert_array_equal(statistics.counts, labels.sum(axis=0))


class NoWordToTheHost(TorchDispatchMode):
    """Refuses operations whose result depends on values, for which an accelerator would have to be waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "_unique2", "masked_select")
        return function(*args, **(kwargs or {}))


def test_no_batch_waits_for_the_device_and_repeats_are_left_out():
    features, labels = samples(7)
    monitor = pen.torch.FeatureMonitor(NAMES, 7, label_sets=True, dataset_size=600)
    with NoWordToTheHost():
        for rows in torch.arange(600).split(100):
            monitor.update(features[rows], labels[rows], ids=rows)
        monitor.update(features[:50], labels[:50], ids=torch.arange(50))
    assert_same(monitor.statistics(), pen.LabelStatistics.from_features(features.numpy(), labels.numpy(), NAMES))


def test_what_cannot_be_is_left_out_or_refused():
    features, labels = samples(8)
    features[3, 2], labels[7, 1] = float("nan"), -100
    kept = np.delete(np.arange(600), [3, 7])
    monitor = filled(features, labels)
    wanted = pen.LabelStatistics.from_features(features.numpy()[kept], labels.numpy()[kept], NAMES)
    assert_same(monitor.statistics(), wanted)
    with pytest.warns(UserWarning, match="1 samples held NaN or infinity"):
        monitor.compute()
    labels[9, 0] = 0.3
    with pytest.raises(pen.FeaturesError, match="1 samples had labels other than 0 and 1 and are in no sum"):
        filled(features, labels).compute()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(3, dtype=torch.long), r"shape \(3,\) .*: give 0 or 1 for each of 5 labels for each sample"),
        (torch.zeros(3, 4), r"shape \(3, 4\)"),
        (torch.zeros(3, 5, dtype=torch.complex64), "complex64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(pen.FeaturesError, match=message):
        filled(*samples(9)).update(torch.zeros(3, 7), labels)


def test_the_monitor_of_classes_says_what_to_do_with_label_sets():
    with pytest.raises(pen.FeaturesError, match="make the monitor with label_sets=True"):
        pen.torch.FeatureMonitor(5, 7).update(torch.zeros(3, 7), torch.zeros(3, 5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_means": True}, "means are kept of one class a sample"),
        ({"figures": ["nc1"]}, r"no figure is called 'nc1': choose among samples, .*f1/<label>"),
        ({"head": nn.Linear(7, 4)}, "4 classes"),
        ({"forecast": pen.forecast(pen.ClassCounts([3, 2, 1, 1, 1]))}, "the forecast is of class counts"),
        ({"forecast": pen.forecast(pen.LabelScatter.from_labels([["a"], ["b"]]))}, "the forecast is for 2 classes"),
    ],
)
def test_monitors_that_cannot_be_are_refused(options, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.FeatureMonitor(5, 7, label_sets=True, **options)


def test_alignments_are_audits():
    with pytest.raises(pen.FeaturesError, match=r"pen\.audit_label_sets"):
        filled(*samples(10)).alignment()
