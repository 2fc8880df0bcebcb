"""A head written into a model in place: what it then computes, and who goes on holding the same layer."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import penultimate as pen
from torch_networks import blobs, loader, trained

put_head = pen.torch.put_head


def a_head(classes=4, width=16, *, bias=True, names=None, layers=1):
    rng = np.random.default_rng(7)
    widths = [width, *[6] * (layers - 1), classes]
    weights = tuple(rng.normal(size=(out, width)) for width, out in pairwise(widths))
    return pen.Head(weights, rng.normal(size=classes) if bias else None, names)


def features_of(model, inputs):
    with torch.no_grad():
        return model[:-1].eval()(inputs).numpy()


# ----------------------------------------------------------------- what is written


def test_the_model_then_computes_what_the_head_does():
    model, (inputs, _), head = trained(), blobs(), a_head()
    layer, weight, bias = model[-1], model[-1].weight, model[-1].bias
    put_head(model, head)
    with torch.no_grad():
        logits = model.eval()(inputs).numpy()
    np.testing.assert_allclose(logits, head.logits(features_of(model, inputs).astype(np.float64)), rtol=1e-4, atol=1e-4)
    assert model[-1] is layer and layer.weight is weight and layer.bias is bias
    assert weight.requires_grad and weight.is_leaf


def test_the_head_of_a_comparison_reaches_the_model_as_it_was_judged(tmp_path):
    model, batches = trained(), loader()
    train, valid = (pen.torch.capture(model, loader(seed=seed)) for seed in (0, 0))
    comparison = pen.compare_heads(train, valid)
    comparison.save_head(tmp_path / "head.npz")
    put_head(model, pen.Head.read(tmp_path / "head.npz"))
    after = pen.torch.capture(model, batches)
    np.testing.assert_allclose(after.head.product, comparison.head.product, rtol=1e-6)
    np.testing.assert_allclose(after.head.offset, comparison.head.offset, rtol=1e-6, atol=1e-6)


def test_without_a_bias_the_layers_own_becomes_zero():
    model = trained()
    put_head(model, a_head(bias=False))
    assert not model[-1].bias.any()


def test_several_layers_take_their_weights_and_inner_biases_become_zero():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 6), nn.Linear(6, 4)))
    head, (inputs, _) = a_head(layers=2), blobs()
    put_head(model, head)
    assert not model[2][0].bias.any()
    with torch.no_grad():
        features = model[:2](inputs).double().numpy()
        np.testing.assert_allclose(model(inputs), head.logits(features), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_weights_keep_the_type_of_the_layer(dtype):
    model, head = nn.Sequential(nn.Linear(16, 4, dtype=dtype)), a_head()
    put_head(model, head)
    assert model[0].weight.dtype is dtype
    torch.testing.assert_close(model[0].weight.detach(), torch.as_tensor(head.product).to(dtype), rtol=0, atol=0)


def test_compiled_wrapped_fixed_and_frozen_layers_are_written_to():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), pen.torch.FixedHead.etf(4, 16))
    model[2].bias.requires_grad_(False)
    head = a_head()
    put_head(nn.DataParallel(torch.compile(model, backend="eager")), head)
    np.testing.assert_allclose(model[2].weight, head.product, rtol=1e-6)
    assert not model[2].bias.requires_grad


def test_an_optimiser_and_a_monitor_that_knew_the_layer_go_on():
    model, (inputs, labels), head = trained(), blobs(), a_head()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = pen.torch.FeatureMonitor(4, 16, head=model[-1])
    put_head(model, head)
    np.testing.assert_allclose(monitor.head.product, head.product, rtol=1e-6)
    nn.functional.cross_entropy(model(inputs), labels).backward()
    optimiser.step()
    assert not np.allclose(model[-1].weight.detach(), head.product, rtol=1e-6)


# ----------------------------------------------------------------- which layer


def test_the_layer_is_the_one_of_the_heads_shape_or_the_one_named():
    model = nn.ModuleDict({"main": nn.Linear(16, 4), "other": nn.Linear(16, 4), "body": nn.Linear(6, 16)})
    with pytest.raises(pen.FeaturesError, match="'main', 'other' all have the shape of the head, 4 × 16: choose one"):
        put_head(model, a_head())
    before = model["main"].weight.clone()
    put_head(model, a_head(), "other")
    put_head(model, a_head(), model["other"])
    assert torch.equal(model["main"].weight, before)
    np.testing.assert_allclose(model["other"].weight.detach(), a_head().product, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (None, "the head is 5 × 16 .* no linear layer of the model is: .* last first, are '4' .4 × 16., '0' .16 × 6."),
        ("4", "the head is 5 × 16 .* and the layer given is"),
        ("5", "the model has no module '5': its linear layers are '0', '4'"),
        (nn.Linear(16, 5), "the layer, of type Linear, is no module of the model"),
    ],
)
def test_a_layer_that_does_not_fit_is_refused(layer, said):
    with pytest.raises(pen.FeaturesError, match=said):
        put_head(trained(), a_head(classes=5), layer)


# ----------------------------------------------------------------- what would go wrong in silence


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 16)
        self.lm_head = nn.Linear(16, 4, bias=False)
        self.lm_head.weight = self.embedding.weight


def test_a_tied_weight_is_refused_until_it_is_untied_as_the_message_says():
    model, head = Tied(), a_head(bias=False)
    before = model.embedding.weight.clone()
    with pytest.raises(pen.FeaturesError, match=r"'lm_head' is also 'embedding\.weight' .tied weights.*: untie them"):
        put_head(model, head)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    put_head(model, head)
    assert torch.equal(model.embedding.weight, before)
    np.testing.assert_allclose(model.lm_head.weight.detach(), head.product, rtol=1e-6)


def test_a_head_with_a_bias_is_not_put_where_there_is_none():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4, bias=False))
    with pytest.raises(pen.FeaturesError, match=r"the head has a bias and the layer '2' has none.* model\[2\] = pen"):
        put_head(model, a_head())
    put_head(model, pen.Head(a_head().weights, np.zeros(4)))  # no bias but in name


def test_a_weight_that_is_computed_is_refused_until_it_is_plain():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(16, 4)))
    with pytest.raises(
        pen.FeaturesError, match=r"weight of '0' is computed.* torch\.nn\.utils\.parametrize"
    ) as refused:
        put_head(model, a_head())
    assert str(refused.value).endswith("remove_parametrizations(model[0], 'weight')")
    nn.utils.parametrize.remove_parametrizations(model[0], "weight")
    put_head(model, a_head())


def pruned(layer):
    return prune.l1_unstructured(layer, "weight", 0.5)


@pytest.mark.filterwarnings("ignore:.*_norm.*:FutureWarning")
@pytest.mark.parametrize("wrap", [nn.utils.weight_norm, nn.utils.spectral_norm, pruned])
def test_so_is_one_of_the_older_kind_until_what_the_message_says_is_done(wrap):
    model = nn.Sequential(nn.ModuleDict({"last": nn.Linear(6, 6)}), wrap(nn.Linear(16, 4)))
    with pytest.raises(pen.FeaturesError, match="computed from other parameters") as refused:
        put_head(model, a_head())
    exec(str(refused.value).partition("first, ")[2], {"torch": torch, "model": model})
    put_head(model, a_head())
    np.testing.assert_allclose(model[1].weight.detach(), a_head().product, rtol=1e-6)


def test_a_layer_within_an_adapter_is_refused():
    adapted = nn.ModuleDict({"base_layer": nn.Linear(16, 4), "lora_A": nn.Linear(16, 2), "lora_B": nn.Linear(2, 4)})
    with pytest.raises(pen.FeaturesError, match=r"adapter.* about 'head\.base_layer'.*merge_and_unload"):
        put_head(nn.ModuleDict({"head": adapted}), a_head())


@pytest.mark.parametrize(
    ("model", "head", "said"),
    [
        (nn.Linear(16, 4, device="meta"), a_head(), "on the meta device and holds no numbers"),
        (nn.Linear(16, 4).to(torch.float8_e4m3fn), a_head(), "float8_e4m3fn .quantised., which cannot hold the head"),
        (nn.Linear(16, 4).half(), pen.Head((1e5 * np.ones((4, 16)),)), "too large for torch.float16"),
    ],
)
def test_numbers_that_the_layer_cannot_hold_are_refused(model, head, said):
    with pytest.raises(pen.FeaturesError, match=said):
        put_head(nn.Sequential(model), head)


def test_nothing_is_written_unless_all_fits():
    model = nn.Sequential(nn.Linear(16, 6), nn.Linear(6, 4, bias=False))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(pen.FeaturesError, match="has a bias"):
        put_head(model, a_head(layers=2))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


# ----------------------------------------------------------------- names


class Named(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.config = type("Config", (), {"id2label": dict(enumerate(names))})
        self.classifier = nn.Linear(16, 4)


def test_rows_go_where_the_models_configuration_has_their_names():
    head, model = a_head(names=("ant", "bee", "cat", "dog")), Named(["dog", "ant", "cat", "bee"])
    put_head(model, head)
    np.testing.assert_allclose(model.classifier.weight.detach(), head.product[[3, 0, 2, 1]], rtol=1e-6)
    np.testing.assert_allclose(model.classifier.bias.detach(), head.offset[[3, 0, 2, 1]], rtol=1e-6)


@pytest.mark.parametrize("names", [["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"], ["a", "b", "c"]])
def test_names_that_are_none_do_not_count(names):
    head, model = a_head(names=("ant", "bee", "cat", "dog")), Named(names)
    put_head(model, head)
    np.testing.assert_allclose(model.classifier.weight.detach(), head.product, rtol=1e-6)


def test_other_names_are_refused():
    with pytest.raises(pen.FeaturesError, match="the head and the model's configuration name different classes"):
        put_head(Named(["ant", "bee", "cat", "eel"]), a_head(names=("ant", "bee", "cat", "dog")))


def test_names_in_place_of_what_they_name_are_told():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    with pytest.raises(pen.FeaturesError, match="is no head: give a pen"):
        pen.torch.put_head(model, "head.npz")
    with pytest.raises(pen.FeaturesError, match="and not on '2'"):
        pen.torch.Tap("2")
