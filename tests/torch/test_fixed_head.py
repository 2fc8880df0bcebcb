"""Heads that are not trained: their geometry, what a model does with them, and the ways in and out."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

import penultimate as pen
from seeds import SEED
from torch_networks import COUNTS, blobs, loader

FixedHead = pen.torch.FixedHead
UNEVEN = pen.ClassCounts([60, 30, 30, 10])


def gram(head):
    return (head.weight @ head.weight.T).numpy()


# -------------------------------------------------------------------- geometry


@pytest.mark.parametrize("features", [4, 5, 40])
def test_an_etf_has_unit_rows_at_equal_angles(features):
    head = FixedHead.etf(5, features, dtype=torch.float64, seed=2)
    np.testing.assert_allclose(gram(head), 1.25 * np.eye(5) - 0.25, atol=1e-13)
    assert head.bias.tolist() == [0.0] * 5


def test_an_orthogonal_frame_has_orthonormal_rows_and_a_scale_multiplies_them():
    np.testing.assert_allclose(gram(FixedHead.orthogonal_frame(5, 7, dtype=torch.float64)), np.eye(5), atol=1e-13)
    scaled = FixedHead.orthogonal_frame(5, 7, scale=3.0, bias=False, dtype=torch.float64)
    np.testing.assert_allclose(gram(scaled), 9 * np.eye(5), atol=1e-12)
    assert scaled.bias is None


@pytest.mark.parametrize("layers", [1, 2])
def test_a_forecast_gives_its_own_rows_and_bias(layers):
    wished = pen.forecast(UNEVEN, weight_decay=1e-3, layers=layers, feature_ratio=1.0)
    expected, bias = wished.geometry.product_gram.dense(), wished.geometry.bias
    for given in (wished, wished.solution):
        head = FixedHead.from_forecast(given, 6, dtype=torch.float64)
        np.testing.assert_allclose(gram(head), expected, atol=1e-12)
        np.testing.assert_allclose(head.bias.detach(), bias, atol=1e-15)


def test_the_bias_of_an_unseen_class_starts_at_the_lowest_of_the_others():
    wished = pen.forecast(pen.ClassCounts([60, 0, 30, 10]), loss="ce", weight_decay=1e-3, feature_ratio=1.0)
    head = FixedHead.from_forecast(wished, 6)
    assert wished.geometry.bias[1] == -np.inf and head.bias[1].item() == head.bias[3].item() == head.bias.min().item()
    assert not head.weight[1].any()


def test_the_seed_turns_the_frame():
    first, again, other = (FixedHead.etf(5, 8, seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_making_one_leaves_torchs_random_numbers_alone():
    state = torch.get_rng_state()
    FixedHead.etf(5, 8).to_linear()
    assert torch.equal(state, torch.get_rng_state())


# ------------------------------------------------------------------- in a model


def test_training_moves_features_and_bias_and_not_the_head():
    torch.manual_seed(SEED)
    inputs, labels = blobs()
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3), FixedHead.etf(4, 3))
    before = model[3].weight.clone()
    criterion = pen.torch.ClassLoss("mse", pen.ClassCounts(COUNTS))
    groups = pen.torch.parameter_groups(model, model[3], weight_decay=1e-3, head_weight_decay=1e-1)
    optimiser = torch.optim.SGD(groups, lr=0.03, momentum=0.9)
    for _ in range(200):
        optimiser.zero_grad()
        criterion(model(inputs), labels).backward()
        optimiser.step()
    assert torch.equal(model[3].weight, before) and bool(model[3].bias.abs().min() > 0)
    assert (model(inputs).argmax(1) == labels).float().mean().item() > 0.97
    # Collapsed features that minimise the error under a frame W are ∝ Wᵀ (e_k − n/N).
    features = model[:3](inputs).detach()
    means = torch.stack([features[labels == k].mean(0) for k in range(4)]) - features.mean(0)
    expected = before - torch.tensor(COUNTS) / sum(COUNTS) @ before
    assert nn.functional.cosine_similarity(means, expected).min().item() > 0.99


def test_capture_proves_it_against_the_logits():
    head = FixedHead.etf(4, 16)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), head)
    captured = pen.torch.capture(model, loader())
    np.testing.assert_array_equal(captured.head.product, head.weight)
    assert captured.dimension == 16


def test_monitors_and_taps_take_it_for_the_layer_it_is():
    head = FixedHead.etf(4, 6)
    monitor = pen.torch.FeatureMonitor(4, 6, head=head)
    inputs, labels = blobs()
    with pen.torch.Tap(head) as tap:
        head(inputs)
        monitor.update(tap.take(), labels)
    assert monitor.compute()["nc3_duality"] > 0


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_what_a_linear_layer_does_and_becomes_one(bias):
    head = FixedHead.etf(4, 6, bias=bias)
    layer = head.to_linear()
    inputs = torch.randn(3, 2, 6)
    torch.testing.assert_close(head(inputs), layer(inputs))
    assert layer.weight.requires_grad and layer.weight.data_ptr() != head.weight.data_ptr()
    assert head.state_dict().keys() == layer.state_dict().keys()


def test_its_state_is_saved_and_read_back():
    held = io.BytesIO()
    head = FixedHead.etf(4, 6, seed=1)
    torch.save(head.state_dict(), held)
    held.seek(0)
    again = FixedHead.orthogonal_frame(4, 6)
    again.load_state_dict(torch.load(held, weights_only=True))
    torch.testing.assert_close(again.state_dict(), head.state_dict())


def test_from_a_head_of_several_layers():
    rng = np.random.default_rng(0)
    first, second, bias = rng.standard_normal((5, 6)), rng.standard_normal((4, 5)), rng.standard_normal(4)
    fixed = FixedHead.from_head(pen.Head((first, second), bias), dtype=torch.float64)
    x = rng.standard_normal((3, 6))
    np.testing.assert_allclose(fixed(torch.tensor(x)).detach(), x @ first.T @ second.T + bias, atol=1e-13)
    assert FixedHead.from_head(pen.Head((first,))).bias is None


@pytest.mark.usefixtures("own_checks")
def test_device_type_copies_and_compiling_are_those_of_any_module():
    assert FixedHead.etf(4, 6, device="meta").weight.device.type == "meta"
    half = FixedHead.etf(4, 6, dtype=torch.bfloat16)
    assert half(torch.ones(2, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert copy.deepcopy(half).double().bias.dtype == torch.float64
    head, inputs = FixedHead.etf(4, 6), torch.randn(3, 6)
    compiled = torch.compile(head, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(inputs), head(inputs))


def test_what_it_was_made_from_can_change():
    weight = torch.eye(3)
    head = FixedHead(weight, torch.zeros(3))
    weight += 1
    assert torch.equal(head.weight, torch.eye(3))


# ------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FixedHead.etf(5, 3), "features=3 cannot hold a head of 5 classes that spans 4 directions: give feat"),
        (lambda: FixedHead.orthogonal_frame(5, 4), "spans 5 directions: give features >= 5"),
        (
            lambda: FixedHead.from_forecast(pen.forecast(UNEVEN, feature_ratio=1.0), 2),
            "spans 3 directions: give features >= 3",
        ),
        (
            lambda: FixedHead.from_forecast(pen.forecast(UNEVEN, weight_decay=0.4, feature_ratio=1.0), 6),
            "of 3 directions the forecast keeps 2",
        ),
        (lambda: FixedHead.etf(5, 8, scale=0.0), "the scale of a head must be positive and finite, got 0"),
        (lambda: FixedHead.etf(1, 8), "."),
    ],
)
def test_a_geometry_that_cannot_be_is_told(make, said):
    with pytest.raises(pen.PenultimateError, match=said):
        make()


@pytest.mark.parametrize(
    ("weight", "bias", "said"),
    [
        (np.ones(3), None, r"a weight of shape \(3,\): give \(K, d\)"),
        (np.ones((3, 2)), np.ones(2), r"a weight of shape \(3, 2\) and a bias of shape \(2,\)"),
        (np.full((3, 2), np.nan), None, "NaN or infinity"),
        ([["a", "b"]], None, "of type <U1, not numbers"),
        ([[1.0], [2.0, 3.0]], None, "cannot be read as one array"),
    ],
)
def test_matrices_that_are_no_head_are_told(weight, bias, said):
    with pytest.raises(pen.FeaturesError, match=said):
        FixedHead(weight, bias)


@pytest.mark.parametrize(
    ("classes", "features", "largest"),
    [
        (7, 2, np.cos(2 * np.pi / 7)),  # a polygon
        (8, 4, 0.0),  # an orthoplex: best for d + 1 < K <= 2d
        (12, 3, 5**-0.5),  # an icosahedron
        (5, 4, -0.25),  # a simplex
    ],
)
def test_a_softmax_code_is_the_best_known_packing(classes, features, largest):
    head = FixedHead.softmax_code(classes, features, scale=3.0, seed=1, dtype=torch.float64)
    rows = head.weight.numpy() / 3.0
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0)
    assert (rows @ rows.T - 2 * np.eye(classes)).max() == pytest.approx(largest, abs=1e-5)
    assert head.bias is not None and not head.bias.any()


def test_a_softmax_code_refuses_what_it_cannot_spread():
    with pytest.raises(pen.ProblemError, match="at most 4,096"):
        FixedHead.softmax_code(5000, 64)
    with pytest.raises(pen.ProblemError, match="features >= 2"):
        FixedHead.softmax_code(5, 1)
    with pytest.raises(pen.ProblemError, match="scale"):
        FixedHead.softmax_code(5, 2, scale=0.0)
    with pytest.raises(pen.ProblemError, match="softmax_code"):
        FixedHead.etf(5, 2)
