"""Which layers are the head, and the proof that they are."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import penultimate as pen
from penultimate.torch.capturing.layers import find_head, gap, head_of
from seeds import SEED


def found(model, inputs, layer=None):
    def run():
        with torch.no_grad():
            return model(inputs)

    return find_head(model.eval(), run, layer)


def chain(*widths, between=nn.Identity):
    layers = []
    for below, above in pairwise(widths):
        layers += [nn.Linear(below, above), between()]
    return layers[:-1]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3 + SEED)


def test_the_last_linear_layer_is_found_and_its_input_is_what_entered_it():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    inputs = torch.randn(5, 3)
    head = found(model, inputs)
    assert head.layers == (model[4],)
    torch.testing.assert_close(head.features, model[:4](inputs).detach())


def test_a_layer_that_gives_logits_of_that_shape_but_not_these_is_not_taken():
    class TwoBranches(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.main, self.side = nn.Linear(3, 8), nn.Linear(8, 4), nn.Linear(8, 4)

        def forward(self, inputs):
            hidden = self.body(inputs).relu()
            main = self.main(hidden)
            self.side(hidden)  # runs last, and its output is thrown away
            return main

    model = TwoBranches()
    assert found(model, torch.randn(5, 3)).layers == (model.main,)


def test_two_layers_that_both_give_the_logits_are_listed_and_one_can_be_chosen():
    class Twins(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(3, 4), nn.Linear(3, 4)
            self.other.load_state_dict(self.one.state_dict())

        def forward(self, inputs):
            return (self.one(inputs) + self.other(inputs)) / 2

    model = Twins()
    with pytest.raises(pen.FeaturesError, match="several layers give the logits, 'one', 'other': choose one"):
        found(model, torch.randn(5, 3))
    assert found(model, torch.randn(5, 3), "other").layers == (model.other,)


@pytest.mark.parametrize("between", [nn.Identity, lambda: nn.Dropout(0.5)], ids=["directly", "dropout"])
def test_linear_layers_in_a_row_must_be_counted_by_the_user(between):
    model = nn.Sequential(nn.Linear(3, 9), nn.ReLU(), *chain(9, 7, 5, 4, between=between))
    inputs = torch.randn(6, 3)
    with pytest.raises(pen.FeaturesError, match=r"'2', '4', '6' follow one another without activation.*layer="):
        found(model, inputs)
    for first, layers in (("2", (2, 4, 6)), ("4", (4, 6)), ("6", (6,))):
        head = found(model, inputs, first)
        assert head.layers == tuple(model[index] for index in layers)
        torch.testing.assert_close(head.features, model[: int(first)](inputs).detach())
    assert found(model, inputs, model[4]).layers == (model[4], model[6])


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), nn.Tanh(), nn.LayerNorm(5)])
def test_an_activation_breaks_the_chain_even_in_place(activation):
    model = nn.Sequential(nn.Linear(3, 5), activation, nn.Linear(5, 4))
    assert found(model, torch.randn(6, 3)).layers == (model[2],)
    with pytest.raises(pen.FeaturesError, match="never gives logits of shape"):
        found(model, torch.randn(6, 3), "0")


def test_the_folded_bias_gives_the_logits_of_the_chain():
    layers = [nn.Linear(9, 7), nn.Linear(7, 5, bias=False), nn.Linear(5, 4)]
    head, features = head_of(layers), torch.randn(20, 9, dtype=torch.float64)
    assert [layer.shape for layer in head.weights] == [(7, 9), (5, 7), (4, 5)]
    with torch.no_grad():
        logits = nn.Sequential(*layers).double()(features)
    np.testing.assert_allclose(head.logits(features.numpy()), logits.numpy(), rtol=1e-12, atol=1e-12)
    assert head_of([layers[1]]).bias is None


def test_the_head_is_a_copy():
    layer = nn.Linear(3, 2)
    head = head_of([layer])
    before = head.product.copy()
    with torch.no_grad():
        layer.weight.add_(1.0)
    np.testing.assert_array_equal(head.weights[0], before.astype(np.float32))


class Scaled(nn.Module):
    def __init__(self, after):
        super().__init__()
        self.fc, self.after = nn.Linear(3, 4), after

    def forward(self, inputs):
        return self.after(self.fc(inputs))


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (lambda logits: 1.001 * logits, "W h \\+ b of 'fc' differs"),
        (lambda logits: logits.softmax(dim=1), "W h \\+ b of 'fc' differs"),
        (lambda logits: logits[:, :2], "no linear layer gives logits of shape \\(5, 2\\).*'fc'"),
    ],
)
def test_what_comes_after_the_head_is_noticed(after, message):
    with pytest.raises(pen.FeaturesError, match=message):
        found(Scaled(after), torch.randn(5, 3))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("nowhere", "no layer 'nowhere'.*'0', '2'"),
        ("1", "is of type ReLU, no linear layer"),
        (nn.Linear(3, 3), "did not run"),
    ],
)
def test_a_layer_that_cannot_be_the_head_is_refused(layer, message):
    with pytest.raises(pen.FeaturesError, match=message):
        found(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4)), torch.randn(5, 3), layer)


def test_models_without_a_single_input_of_the_head_are_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, inputs):
            return self.fc(inputs) + self.fc(-inputs)

    with pytest.raises(pen.FeaturesError, match="'fc' runs 2 times in one forward pass"):
        found(Twice(), torch.randn(5, 3))
    with pytest.raises(pen.FeaturesError, match=r"no linear layer \(torch.nn.Linear\) runs"):
        found(nn.Sequential(nn.Conv1d(3, 4, 1)), torch.randn(5, 3, 1))


@pytest.mark.parametrize("dimension", [16, 512, 4096])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_tolerance_admits_rounding_and_nothing_else(dtype, dimension):
    layer = nn.Linear(dimension, 100).to(dtype)
    features = torch.randn(512, dimension).relu().to(dtype)
    with torch.no_grad():
        logits = layer(features)
    head, eps = head_of([layer]), torch.finfo(dtype).eps
    assert gap(head, features, logits, [dtype]) < 1.0
    # One entry that is off by five per cent of a logit's usual size, and by ten units more of the type.
    wrong = logits.double()
    wrong[3, 7] += (0.05 + 10 * eps) * wrong.std()
    assert gap(head, features, wrong, [dtype]) > 1.0
    assert gap(head, features, logits.flip(0), [dtype]) > 1.0


def test_numbers_that_are_not_finite_prove_nothing():
    layer, features = nn.Linear(3, 2), torch.full((4, 3), float("nan"))
    with torch.no_grad():
        assert gap(head_of([layer]), features, layer(features), []) == float("inf")
