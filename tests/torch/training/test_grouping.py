"""Parameters in groups: each once, in the right one, whatever is tied, frozen or wrapped."""

import pytest
import torch
from torch import nn

import penultimate as pen
from torch_networks import perceptron

DECAYS = {"weight_decay": 1e-3, "head_weight_decay": 1e-2}


def compiled(model):
    return torch.compile(model, backend="eager")


def grouped(model, head, **choices):
    return {group["name"]: group for group in pen.torch.parameter_groups(model, head, **(DECAYS | choices))}


@pytest.mark.parametrize("wrap", [lambda model: model, compiled, nn.DataParallel])
def test_every_parameter_stands_in_one_group_with_its_decay(wrap):
    model = perceptron()
    groups = grouped(wrap(model), model[4])
    everything = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(everything) == sorted(map(id, model.parameters()))
    assert {name: group["weight_decay"] for name, group in groups.items()} == {
        "backbone": 1e-3,
        "backbone vectors": 0.0,
        "head": 1e-2,
        "head vectors": 0.0,
    }
    assert groups["head"]["params"] == [model[4].weight] and groups["head vectors"]["params"] == [model[4].bias]
    # A linear layer's bias, and gain and bias of the batch norm.
    assert len(groups["backbone vectors"]["params"]) == 3


def test_the_head_by_name_is_the_same():
    model = perceptron()
    assert pen.torch.parameter_groups(model, "4", **DECAYS) == pen.torch.parameter_groups(model, model[4], **DECAYS)
    assert pen.torch.parameter_groups(compiled(model), "4", **DECAYS)[2]["params"] == [model[4].weight]


def test_vectors_decay_with_their_matrices_where_asked():
    groups = grouped(perceptron(), "4", decay_vectors=True)
    assert [group["weight_decay"] for group in groups.values()] == [1e-3, 1e-3, 1e-2, 1e-2]


def test_a_tied_matrix_is_the_heads_and_stands_once():
    model = nn.ModuleDict({"embedding": nn.Embedding(7, 5), "body": nn.Linear(5, 5), "head": nn.Linear(5, 7)})
    model["head"].weight = model["embedding"].weight
    groups = grouped(model, "head")
    assert groups["head"]["params"] == [model["embedding"].weight]
    assert groups["backbone"]["params"] == [model["body"].weight]


def test_one_step_decays_each_part_by_its_own_amount():
    model = perceptron()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.SGD(pen.torch.parameter_groups(model, "4", **DECAYS), lr=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in model.named_parameters():
        decay = 0.0 if parameter.ndim < 2 else 1e-2 if name.startswith("4") else 1e-3
        torch.testing.assert_close(parameter.detach(), before[name] * (1 - 0.5 * decay))


def test_a_whole_model_may_be_the_head_and_empty_groups_are_left_out():
    model = nn.Linear(4, 3, bias=False)
    assert [group["name"] for group in pen.torch.parameter_groups(model, model, **DECAYS)] == ["head"]


@pytest.mark.parametrize(
    ("head", "choices", "said"),
    [
        ("fc", {}, "no module 'fc': its linear layers are '0', '4'"),
        (nn.Linear(16, 4), {}, "of type Linear, is no module of the model"),
        ("2", {}, "the head has no parameters"),
        ("4", {"weight_decay": -1.0}, "weight_decay must be a finite number, at least 0, got -1.0"),
        ("4", {"head_weight_decay": float("nan")}, "head_weight_decay must be"),
        ("4", {"head_weight_decay": "0.1"}, "head_weight_decay must be a number, got '0.1'"),
    ],
)
def test_what_cannot_be_is_told(head, choices, said):
    with pytest.raises((pen.ProblemError, pen.FeaturesError), match=said):
        pen.torch.parameter_groups(perceptron(), head, **(DECAYS | choices))
