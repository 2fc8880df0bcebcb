"""The monitor against `FeatureStatistics`, extended precision, and the audit of the same features."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torchmetrics import MetricCollection

import penultimate as pen
from seeds import SEED
from torch_networks import COUNTS, blobs, loader, penultimate_features, trained


def samples(seed, dtype=torch.float64, offset=0.0, number=1500, classes=5, dimension=7):
    generator = torch.Generator().manual_seed(seed + SEED)
    labels = torch.randint(0, classes, (number,), generator=generator)
    means = 3.0 * torch.randn(classes, dimension, generator=generator, dtype=torch.float64)
    noise = torch.randn(number, dimension, generator=generator, dtype=torch.float64)
    return (offset + means[labels] + noise).to(dtype), labels


def filled(features, labels, batch=37, **options):
    monitor = pen.torch.FeatureMonitor(5, 7, **options)
    for rows, own in zip(features.split(batch), labels.split(batch), strict=True):
        monitor.update(rows, own)
    return monitor


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def assert_same(found, wanted, tolerance=1e-12):
    np.testing.assert_array_equal(found.counts, wanted.counts)
    assert relative(found.means, wanted.means) < tolerance
    assert relative(found.spreads, wanted.spreads) < tolerance
    assert relative(found.within_scatter, wanted.within_scatter) < tolerance


@settings(max_examples=25)
@given(
    st.integers(0, 1000),
    st.sampled_from([0.0, 1.0, 1e2]),
    st.integers(1, 400),
    st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16]),
)
def test_it_is_feature_statistics_whatever_the_batches(seed, offset, batch, dtype):
    features, labels = samples(seed, dtype, offset)
    found = filled(features, labels, batch).statistics()
    assert_same(found, pen.FeatureStatistics.from_features(features.double(), labels, 5), 1e-12 * (1 + offset))


@pytest.mark.parametrize(
    ("dtype", "offset", "tolerance"),
    [(torch.float32, 1e4, 1e-11), (torch.float64, 1e8, 1e-7), (torch.float16, 30, 1e-12)],
)
def test_an_offset_costs_nothing_beyond_what_the_type_lost(dtype, offset, tolerance):
    features, labels = samples(1, dtype, offset, number=4000)
    wide = features.numpy().astype(np.longdouble)
    means = np.stack([wide[labels == k].mean(axis=0) for k in range(5)])
    rest = wide - means[labels]
    found = filled(features, labels).statistics()
    assert relative(found.means, means) < 1e-13
    assert relative(found.within_scatter, rest.T @ rest) < tolerance
    assert relative(found.spreads, np.array([np.sum(rest[labels == k] ** 2) for k in range(5)])) < tolerance


def test_classes_that_come_one_after_the_other_and_drift_keep_their_digits():
    features, labels = samples(2, torch.float64)
    drift = 1e3 * torch.linspace(0, 1, len(labels), dtype=torch.float64)[:, None]
    order = torch.argsort(labels, stable=True)
    features, labels = (features + drift)[order], labels[order]
    assert_same(filled(features, labels).statistics(), pen.FeatureStatistics.from_features(features, labels))


def test_float32_sums_are_as_good_as_their_type():
    features, labels = samples(3, torch.float32, 10.0)
    found = filled(features, labels, dtype=torch.float32)
    assert found.weight.dtype == torch.float32
    assert_same(found.statistics(), pen.FeatureStatistics.from_features(features.double(), labels), 1e-5)


def test_state_does_not_grow():
    monitor = pen.torch.FeatureMonitor(5, 7, dataset_size=10**4)

    def size():
        return sum(state.nbytes for state in monitor.metric_state.values())

    before = size()
    for seed in range(20):
        monitor.update(*samples(seed, number=100))
        monitor(*samples(seed, number=100))
    assert size() == before == 8 * (5 + 35 + 35 + 5 + 49) + 8 * 5 + 8 * 4 + 10**4


class NoWordToTheHost(TorchDispatchMode):
    """Refuses operations whose result depends on values, for which an accelerator would have to be waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "_unique2", "masked_select")
        return function(*args, **(kwargs or {}))


def test_no_batch_waits_for_the_device():
    monitor = pen.torch.FeatureMonitor(5, 7, dataset_size=2000)
    with pytest.raises(AssertionError), NoWordToTheHost():
        torch.tensor([1.0]).item()
    features, labels = samples(4)
    with NoWordToTheHost():
        for rows in torch.arange(1500).split(100):
            monitor.update(features[rows], labels[rows], ids=rows)
    assert_same(monitor.statistics(), pen.FeatureStatistics.from_features(features, labels))


def test_sequences_ignored_labels_and_inference_mode():
    features, labels = samples(5, number=1200)
    masked = labels.clone()
    masked[::3] = -100
    monitor = pen.torch.FeatureMonitor(5, 7)
    with torch.inference_mode():
        monitor.reset()
        monitor.update(features[:600].reshape(60, 10, 7), masked[:600].reshape(60, 10))
    monitor.update(features[600:].requires_grad_(), masked[600:])
    kept = masked >= 0
    assert_same(monitor.statistics(), pen.FeatureStatistics.from_features(features[kept], labels[kept], 5))
    assert not monitor.moment.requires_grad


def test_mixed_precision_does_not_touch_the_sums():
    features, labels = samples(6, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = filled(features, labels, dtype=torch.float32)
    assert_same(found.statistics(), pen.FeatureStatistics.from_features(features.double(), labels), 1e-5)


def test_bad_values_are_left_out_and_told_when_figures_are_asked_for():
    features, labels = samples(7)
    features[3, 2], features[700] = float("nan"), float("inf")
    monitor = filled(features, labels)
    kept = torch.isfinite(features).all(dim=1)
    assert_same(monitor.statistics(), pen.FeatureStatistics.from_features(features[kept], labels[kept]))
    assert monitor.statistics().dropped == 2
    with pytest.warns(UserWarning, match="2 samples held NaN or infinity") as told:
        monitor.compute()
    assert told[0].filename == __file__
    labels[[1, 5, 9]] = torch.tensor([5, -1, 77])
    with pytest.raises(pen.FeaturesError, match="3 labels were outside 0 … 4"):
        filled(features, labels).compute()


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (
            (torch.zeros(3, 6), torch.zeros(3, dtype=torch.long)),
            r"shape \(3, 6\): give floating numbers of shape \(…, 7\)",
        ),
        ((torch.zeros(7), torch.zeros(1, dtype=torch.long)), r"shape \(7,\)"),
        ((torch.zeros(3, 7, dtype=torch.long), torch.zeros(3, dtype=torch.long)), "features are torch.int64"),
        ((torch.zeros(3, 7), torch.zeros(4, dtype=torch.long)), r"labels are torch.int64 of shape \(4,\)"),
        ((torch.zeros(3, 7), torch.zeros(3)), "labels are torch.float32"),
        ((torch.zeros(3, 7), torch.zeros(3, dtype=torch.long), torch.zeros(3)), "ids are torch.float32"),
        ((torch.zeros(3, 7), torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long)), "with dataset_size="),
        ((np.zeros((3, 7)), torch.zeros(3, dtype=torch.long)), "features are of type ndarray: give a tensor"),
        ((torch.zeros(3, 7), [0, 1, 2]), "labels are of type list"),
        ((torch.zeros(3, 7).to_sparse(), torch.zeros(3, dtype=torch.long)), "features are a sparse tensor"),
        ((torch.zeros(3, 7, device="meta"), torch.zeros(3, dtype=torch.long)), "features are on meta and the monitor"),
        ((torch.zeros(3, 7), torch.zeros(3, dtype=torch.long, device="meta")), "labels are on meta and the monitor"),
    ],
)
def test_batches_that_do_not_fit_are_refused_and_change_nothing(batch, message):
    monitor = filled(*samples(8))
    before = copy.deepcopy(monitor.metric_state)
    with pytest.raises(pen.FeaturesError, match=message):
        monitor.update(*batch)
    for name, state in monitor.metric_state.items():
        torch.testing.assert_close(state, before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1, "dimension": 7}, "1 class: .* at least two"),
        ({"classes": 0, "dimension": 7}, "0 classes: .* at least two"),
        ({"classes": 5, "dimension": 7, "dtype": torch.int32}, "give a floating type"),
        ({"classes": 5, "dimension": 0}, "at least one column"),
        ({"classes": {"ant": 1, "bee": 0}, "dimension": 7}, "names is a mapping"),
        ({"classes": 5, "dimension": 7, "head": nn.Linear(6, 5)}, "reads features of width 6"),
        ({"classes": 5, "dimension": 7, "head": nn.Linear(7, 4)}, "4 classes"),
        ({"classes": 5, "dimension": 7, "head": nn.Sequential(nn.Linear(7, 5), nn.ReLU())}, "holds a ReLU"),
        (
            {"classes": 5, "dimension": 7, "forecast": pen.forecast(pen.ClassCounts([2, 1]), feature_ratio=1.0)},
            "forecast is for 2 classes",
        ),
    ],
)
def test_monitors_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.FeatureMonitor(**arguments)


@pytest.mark.parametrize("arguments", [{"classes": 3.5}, {"dimension": "7"}, {"directions": -1}], ids=str)
def test_numbers_that_are_none_are_refused(arguments):
    with pytest.raises(pen.ProblemError, match="must be"):
        pen.torch.FeatureMonitor(**{"classes": 5, "dimension": 7} | arguments)


def test_one_figure_may_be_named_without_a_list():
    monitor = pen.torch.FeatureMonitor(5, 7, figures="nc1")
    monitor.update(*samples(8))
    assert list(monitor.compute()) == ["nc1"]


# ---- figures


@pytest.fixture(scope="module")
def network():
    return trained()


@pytest.fixture
def forecast():
    return pen.forecast(pen.ClassCounts(COUNTS), weight_decay=5e-3, feature_ratio=1.0)


def watching(network, forecast, **options):
    monitor = pen.torch.FeatureMonitor(4, 16, head=network[4], forecast=forecast, **options)
    for inputs, labels in loader():
        with torch.no_grad():
            monitor.update(network[:4](inputs), labels)
    return monitor


def test_figures_are_those_of_an_audit(network, forecast):
    values = watching(network, forecast, dataset_size=105).compute()
    features, labels = penultimate_features(network, loader())
    head = pen.Head((network[4].weight.detach().numpy(),), network[4].bias.detach().numpy())
    audit = pen.audit(features.astype(np.float64), labels, head=head, weight_decay=5e-3)
    assert values["samples"] == 105 and values["classes"] == 4
    directions = torch.stack([values[f"direction/{i}"] for i in (1, 2, 3)]).numpy()
    np.testing.assert_allclose(directions, audit.last_layer.alignment.strength, rtol=1e-9)
    for name in ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share"):
        np.testing.assert_allclose(values[f"alignment/{name}"], getattr(audit.last_layer.alignment, name), rtol=1e-7)
    np.testing.assert_allclose(values["alignment/mean_cosine"], audit.last_layer.alignment.cosine.mean(), rtol=1e-9)
    for name in (
        "nc1",
        "nc1_cdnv",
        "nc2_equinorm",
        "nc3_duality",
        "distance_to_etf",
        "effective_rank",
        "head_norm_slope",
    ):
        np.testing.assert_allclose(values[name], getattr(audit.metrics, name), rtol=1e-8)
    assert all(value.shape == () and value.dtype == torch.float64 for value in values.values())


def test_figures_follow_the_layer_that_trains_and_a_copy_follows_it_too(network, forecast):
    network = copy.deepcopy(network)
    monitor = watching(network, forecast)
    clone = MetricCollection({"one": monitor}).clone()["one"]
    before = monitor.compute()["direction/1"]
    with torch.no_grad():
        network[4].weight.mul_(2.0)
    monitor.update(torch.zeros(0, 16), torch.zeros(0, dtype=torch.long))  # figures are kept until there is news
    torch.testing.assert_close(monitor.compute()["direction/1"], 2 * before)
    torch.testing.assert_close(clone.compute()["direction/1"], 2 * before)
    assert clone.watched == (network[4],) and list(monitor.parameters()) == [] and monitor.state_dict() == {}


def test_a_copied_model_watches_its_own_layer(network, forecast):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.monitor = pen.torch.FeatureMonitor(4, 16, head=network[4], forecast=forecast)

    twin = copy.deepcopy(Whole())
    assert twin.monitor.watched == (twin.network[4],) and twin.network[4] is not network[4]


def test_without_head_forecast_or_some_class_what_does_not_exist_is_left_out(network, forecast):
    bare = pen.torch.FeatureMonitor(4, 16)
    bare.update(*[torch.randn(20, 16), torch.arange(20) % 4])
    values = bare.compute()
    assert {"samples", "classes", "nc1", "nc2_equinorm"} <= values.keys()
    assert not any(name.startswith(("alignment", "direction", "head", "distance", "nc3")) for name in values)
    some = pen.torch.FeatureMonitor(4, 16, head=network[4], forecast=forecast)
    some.update(torch.randn(20, 16), torch.arange(20) % 3)
    values = some.compute()
    assert values["classes"] == 3 and "nc3_duality" in values and "direction/1" not in values
    assert some.alignment() is None


def test_only_leading_directions_have_figures(network, forecast):
    values = watching(network, forecast, directions=2).compute()
    assert [name for name in values if name.startswith("direction")] == ["direction/1", "direction/2"]


def test_a_head_of_several_layers(forecast):
    torch.manual_seed(SEED)
    layers = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    monitor = pen.torch.FeatureMonitor(4, 6, head=layers, forecast=forecast)
    inputs, labels = blobs()
    monitor.update(inputs, labels)
    product = (layers[1].weight @ layers[0].weight).detach().double().numpy()
    wide = inputs.double().numpy()
    means = np.stack([wide[labels == k].mean(axis=0) for k in range(4)]) - wide.mean(axis=0)
    root = np.sqrt(np.array(COUNTS, dtype=float))
    left, sigma, right = np.linalg.svd(np.diag(root) - np.outer(np.array(COUNTS) / 105, root))
    strengths = np.diag(left.T @ product @ (means * root[:, None]).T @ right.T)[:3]
    found = [float(monitor.compute()[f"direction/{i}"]) for i in (1, 2, 3)]
    np.testing.assert_allclose(found, strengths, rtol=1e-6)
    np.testing.assert_allclose(forecast.solution.sigma, sigma[:3])


# ---- what every metric can do


def test_pickled_cloned_reset_and_merged():
    features, labels = samples(9, offset=5.0)
    whole = filled(features, labels)
    again = pickle.loads(pickle.dumps(filled(features[:700], labels[:700])))
    clone = again.clone()
    for monitor in (again, clone):
        monitor.update(features[700:], labels[700:])
        assert_same(monitor.statistics(), whole.statistics())
    one, other = filled(features[:100], labels[:100]), filled(features[100:], labels[100:])
    one.merge_state(other)
    assert_same(one.statistics(), whole.statistics())
    by_dict = filled(features[:100], labels[:100])
    by_dict.merge_state(other.metric_state)
    by_dict.update(*samples(10))  # goes on
    assert by_dict.statistics().samples == 3000
    with pytest.raises(pen.FeaturesError, match="another weight"):
        one.merge_state(pen.torch.FeatureMonitor(4, 7))
    one.reset()
    assert one.statistics().samples == 0 and torch.count_nonzero(one.shift) == 0


def test_forward_gives_the_figures_of_the_batch_and_adds_it():
    features, labels = samples(11)
    monitor = pen.torch.FeatureMonitor(5, 7, dataset_size=1500)
    for rows, own in zip(features.split(500), labels.split(500), strict=True):
        alone = pen.torch.FeatureMonitor(5, 7)
        alone.update(rows, own)
        torch.testing.assert_close(monitor(rows, own)["nc1"], alone.compute()["nc1"])
    assert_same(monitor.statistics(), pen.FeatureStatistics.from_features(features, labels))
    assert monitor.compute()["samples"] == 1500


# ---- samples that are counted twice


def test_repeated_ids_count_once_within_and_between_batches():
    features, labels = samples(12, number=50)
    monitor = pen.torch.FeatureMonitor(5, 7, dataset_size=50)
    ids = torch.arange(50)
    twice = torch.tensor([3, 3, 17, 3])
    monitor.update(
        torch.cat([features[:30], features[twice]]),
        torch.cat([labels[:30], labels[twice]]),
        ids=torch.cat([ids[:30], twice]),
    )
    monitor.update(features[20:], labels[20:], ids=ids[20:])
    assert_same(monitor.statistics(), pen.FeatureStatistics.from_features(features, labels, 5))
    assert monitor.compute()["samples"] == 50  # and no warning
    monitor.update(features[:1], labels[:1], ids=torch.tensor([50]))
    with pytest.raises(pen.FeaturesError, match="1 ids were outside 0 … 49"):
        monitor.compute()


def test_a_total_that_is_not_the_data_sets_is_told():
    features, labels = samples(13, number=50)
    monitor = pen.torch.FeatureMonitor(5, 7, dataset_size=50)
    monitor.update(features[:20], labels[:20])
    with pytest.warns(UserWarning, match="20 samples were counted and the data set has 50: reset"):
        monitor.compute()
    monitor.update(features[20:], labels[20:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.compute()
    monitor.update(features[:3], labels[:3])
    with pytest.warns(UserWarning, match=r"53 samples .*counted twice.*give update\(…, ids=\)"):
        monitor.compute()


def test_samples_of_two_merged_monitors_are_told():
    features, labels = samples(14, number=50)
    one, other = (pen.torch.FeatureMonitor(5, 7, dataset_size=50) for _ in range(2))
    one.update(features[:26], labels[:26], ids=torch.arange(26))
    other.update(features[25:], labels[25:], ids=torch.arange(25, 50))
    one.merge_state(other)
    with pytest.warns(UserWarning, match=r"51 samples .*; 1 were counted by several processes"):
        one.compute()


def test_an_error_in_the_middle_of_a_gathering_leaves_every_process_its_own_sums():
    twins = {"distributed_available_fn": lambda: True, "dist_sync_fn": lambda state, group=None: [state, state]}
    features, labels = samples(15, number=50)
    monitor = pen.torch.FeatureMonitor(5, 7, **twins)
    monitor.update(features, labels)
    assert monitor.compute()["samples"] == monitor.statistics().samples == 100
    monitor.update(features, labels + 5)
    with pytest.raises(pen.FeaturesError, match="100 labels were outside"):
        monitor.compute()
    assert monitor.weight.sum() == 50 and monitor.statistics().samples == 100
