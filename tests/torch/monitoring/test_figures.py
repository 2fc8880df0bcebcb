"""Which figures a monitor gives, its recalls, and its classes by name."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, recall_score
from torch import nn

import penultimate as pen
from seeds import SEED
from torch_networks import COUNTS

NAMES = ("ant", "bee", "cat", "dog")


def answered(names=4, **options):
    """A monitor that has seen samples, with a head that answers some rightly; their features, labels, the answers."""
    generator = torch.Generator().manual_seed(1 + SEED)
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor(COUNTS))
    features = torch.randn(len(labels), 16, generator=generator)
    features[:, :4] += nn.functional.one_hot(labels, 4)
    head = nn.Linear(16, 4)
    with torch.no_grad():
        head.weight.copy_(torch.eye(4, 16))
        head.bias.zero_()
        answers = head(features).argmax(1)
    monitor = pen.torch.FeatureMonitor(names, 16, **({"head": head} | options))
    for rows, own in zip(features.split(40), labels.split(40), strict=True):
        monitor.update(rows, own)
    return monitor, features, labels.numpy(), answers.numpy()


# ----------------------------------------------------------------------- recall


def test_recalls_are_those_of_the_models_own_answers():
    monitor, _, labels, answers = answered(NAMES)
    figures = {name: float(value) for name, value in monitor.compute().items()}
    recall = recall_score(labels, answers, average=None)
    assert 0 < recall.mean() < 1
    np.testing.assert_allclose([figures[f"recall/{name}"] for name in NAMES], recall)
    assert figures["accuracy"] == pytest.approx(np.mean(labels == answers))
    assert figures["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, answers))


def test_bands_are_those_of_the_training_counts():
    counts = pen.ClassCounts([500, 101, 60, 5])
    monitor, _, labels, answers = answered(forecast=pen.forecast(counts, feature_ratio=1.0))
    recall = recall_score(labels, answers, average=None)
    figures = monitor.compute()
    found = [float(figures[f"recall_{band}"]) for band in ("many", "medium", "few")]
    np.testing.assert_allclose(found, [recall[:2].mean(), recall[2], recall[3]])


def test_of_a_head_that_is_no_layer_and_of_several_layers():
    _, features, labels, _ = answered()
    torch.manual_seed(3 + SEED)
    layers = nn.Sequential(nn.Linear(16, 3), nn.Linear(3, 4))
    with torch.no_grad():
        recall = recall_score(labels, layers(features).argmax(1), average=None, zero_division=0)
    head = pen.torch.capture(layers, [(features, torch.as_tensor(labels))], layer="0").head
    for given in (layers, head):
        figures = answered(NAMES, head=given)[0].compute()
        np.testing.assert_allclose([float(figures[f"recall/{name}"]) for name in NAMES], recall)


def test_ignored_repeated_and_broken_samples_are_in_no_recall():
    head = nn.Linear(2, 2, bias=False)
    nn.init.eye_(head.weight)
    monitor = pen.torch.FeatureMonitor(2, 2, head=head, dataset_size=3)
    features = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1], [float("nan"), 1]])
    monitor.update(features, torch.tensor([0, 1, 1, -100, 1]), torch.tensor([0, 1, 2, 0, 1]))
    monitor.update(features[:1], torch.tensor([0]), torch.tensor([0]))
    with pytest.warns(UserWarning, match="samples held NaN"):
        figures = monitor.compute()
    assert [float(figures[f"recall/{k}"]) for k in (0, 1)] == [1.0, 0.5]


def test_merged_monitors_have_the_recall_of_one():
    whole, features, labels, _ = answered(NAMES)
    parts = []
    for rows in (slice(0, 50), slice(50, None)):
        parts.append(pen.torch.FeatureMonitor(NAMES, 16, head=whole.watched[0]))
        parts[-1].update(features[rows], torch.as_tensor(labels)[rows])
    parts[0].merge_state(parts[1])
    ours, theirs = parts[0].compute(), whole.compute()
    assert [float(ours[f"recall/{n}"]) for n in NAMES] == [float(theirs[f"recall/{n}"]) for n in NAMES]


def test_hooks_of_the_head_do_not_run_for_them():
    head, ran = nn.Linear(16, 4), []
    head.register_forward_pre_hook(lambda *_: ran.append(1))
    answered(head=head)[0].compute()
    assert not ran


def test_many_samples_are_answered_in_parts(monkeypatch):
    expected = answered(NAMES)[0].compute()
    monkeypatch.setattr("penultimate.torch.monitoring.watched._ENTRIES", 24)
    torch.testing.assert_close(answered(NAMES)[0].compute(), expected)


# ----------------------------------------------------------------------- the choice


def test_recall_by_class_of_very_many_classes_is_given_only_when_asked_for():
    features, labels, head = torch.randn(1000, 8), torch.arange(1000), nn.Linear(8, 1000)
    found = {}
    for chosen in (None, ["recall/*"], ["recall/7", "nc1", "alignment/*"]):
        monitor = pen.torch.FeatureMonitor(1000, 8, head=head, figures=chosen)
        monitor.update(features, labels)
        found[str(chosen)] = list(monitor.compute())
    assert len(found["None"]) < 40 and "balanced_accuracy" in found["None"]
    assert len(found["['recall/*']"]) == 1000
    assert found["['recall/7', 'nc1', 'alignment/*']"] == ["nc1", "recall/7"]


def test_directions_are_always_given_so_that_a_trajectory_can_be_drawn():
    monitor, *_ = answered(forecast=pen.forecast(pen.ClassCounts(COUNTS), feature_ratio=1.0), figures=["nc1"])
    assert list(monitor.compute()) == ["nc1", "direction/1", "direction/2", "direction/3"]
    monitor, *_ = answered(
        forecast=pen.forecast(pen.ClassCounts(COUNTS), feature_ratio=1.0), figures=["nc1"], directions=0
    )
    assert list(monitor.compute()) == ["nc1"]


def test_a_figure_that_there_is_not_is_refused():
    with pytest.raises(
        pen.FeaturesError, match=r"no figure is called 'NC1': choose among samples, .*nc1, .*recall/<class>"
    ):
        pen.torch.FeatureMonitor(4, 16, figures=["NC1"])
    with pytest.raises(pen.FeaturesError, match="no figure is called 'recall/eel'"):
        pen.torch.FeatureMonitor(NAMES, 16, figures=["recall/eel"])


# ----------------------------------------------------------------------- names and order


def test_a_forecast_in_another_order_gives_the_same_figures():
    loss = "la:1"
    straight = pen.forecast(pen.ClassCounts(COUNTS, names=NAMES), loss=loss, weight_decay=5e-3, feature_ratio=1.0)
    turned = pen.forecast(
        pen.ClassCounts([5, 30, 10, 60], names=["dog", "bee", "cat", "ant"]),
        loss=loss,
        weight_decay=5e-3,
        feature_ratio=1.0,
    )
    first, second = (answered(NAMES, forecast=forecast)[0] for forecast in (straight, turned))
    torch.testing.assert_close(second.compute(), first.compute(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second.alignment().strength, first.alignment().strength, rtol=1e-6)
    np.testing.assert_array_equal(second.statistics().counts, COUNTS)  # in the order of the labels


def test_other_names_are_refused_and_a_named_forecast_for_unnamed_classes_is_said():
    forecast = pen.forecast(pen.ClassCounts(COUNTS, names=NAMES), feature_ratio=1.0)
    with pytest.raises(pen.FeaturesError, match="name different classes"):
        pen.torch.FeatureMonitor(["ant", "bee", "cat", "eel"], 16, forecast=forecast)
    with pytest.warns(UserWarning, match="outputs are taken in the order of the counts, 0, 1, … being 'ant', 'bee'"):
        monitor = pen.torch.FeatureMonitor(4, 16, head=nn.Linear(16, 4), forecast=forecast)
    monitor.update(torch.randn(8, 16), torch.arange(8) % 4)
    assert "recall/ant" in monitor.compute()


def test_samples_that_contradict_the_forecasts_counts_are_said_and_others_are_not():
    monitor, *_ = answered(forecast=pen.forecast(pen.ClassCounts(COUNTS[::-1]), feature_ratio=1.0))
    with pytest.warns(UserWarning, match="in another order than the counts: class '0' has 60 where 5 are expected"):
        monitor.compute()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answered(forecast=pen.forecast(pen.ClassCounts(COUNTS), feature_ratio=1.0))[0].compute()
        answered(forecast=pen.forecast(pen.ClassCounts([900, 300, 30, 3]), feature_ratio=1.0))[0].compute()


def test_a_copy_keeps_names_choice_and_order():
    monitor, *_ = answered(NAMES, figures=["recall/*"])
    assert list(copy.deepcopy(monitor).compute()) == [f"recall/{name}" for name in NAMES]
