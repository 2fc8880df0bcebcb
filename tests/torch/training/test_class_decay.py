"""Decay for each class: against the model's closed form by descent, and against an optimiser's own decay row by row."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import penultimate as pen
from seeds import SEED

UNEVEN = pen.ClassCounts([60, 30, 30, 10])
TARGET = pen.ClassCounts([20, 20, 20, 40])


def descended(decay, bias, feature_decay):
    """Class means, head and bias that minimise squared error with the penalty, by L-BFGS on the factors."""
    torch.manual_seed(SEED)
    head = decay.head
    means = nn.Parameter(torch.randn(4, head.in_features, dtype=torch.float64))
    shares = torch.tensor(UNEVEN.values / UNEVEN.samples)
    trained = [means, head.weight, *([head.bias] if bias else [])]
    optimiser = torch.optim.LBFGS(
        trained, max_iter=3000, tolerance_grad=1e-11, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def objective():
        optimiser.zero_grad()
        each = pen.torch.ClassLoss("mse", UNEVEN, reduction="none")(head(means), torch.arange(4))
        features = 0.5 * feature_decay * torch.tensor(UNEVEN.values) @ means.square().sum(1)
        value = shares @ each + decay.penalty() + features
        value.backward()
        return value

    optimiser.step(objective)
    return head(means).detach().numpy()


def double_head(bias=True):
    torch.manual_seed(SEED)
    return nn.Linear(6, 4, bias=bias, dtype=torch.float64)


@pytest.fixture
def in_double(monkeypatch):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("target", [TARGET, pen.ClassCounts([5, 5, 5, 5])])
def test_without_bias_outputs_are_those_of_the_target_data(in_double, target):
    rate = 0.08
    decay = pen.torch.ClassDecay(double_head(bias=False), UNEVEN, rate, target=target)
    found = descended(decay, False, feature_decay=rate / UNEVEN.samples)
    there = pen.minimise(target, pen.Problem.from_decays(rate, bias="none")).geometry.logits.dense()
    np.testing.assert_allclose(found, there.T, atol=1e-5)


def test_with_a_free_bias_directions_among_equal_counts_are_those_of_the_target_data(in_double):
    rate = 0.08
    decay = pen.torch.ClassDecay(double_head(), UNEVEN, rate)
    found = descended(decay, True, feature_decay=rate / UNEVEN.samples)
    inside = np.array([0.0, 1.0, -1.0, 0.0])
    balanced = pen.minimise(pen.ClassCounts([1, 1, 1, 1]), pen.Problem.from_decays(rate)).geometry.logits.dense()
    np.testing.assert_allclose(inside @ found @ inside, inside @ balanced @ inside, rtol=1e-5)
    # With one decay for all they are not.
    assert abs(1 - rate * np.sqrt(130 / 30) - inside @ balanced @ inside / 2) > 1e-3


def rowwise(head, decays, make):
    """The same optimiser over a head cut into rows, each with its own decay."""
    rows = [nn.Parameter(row.clone()) for row in head.weight.detach()]
    return rows, make([{"params": [row], "weight_decay": decay} for row, decay in zip(rows, decays, strict=True)])


OPTIMISERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.3),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.03, weight_decay=0.0),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize(("name", "attached"), [("sgd", True), ("sgd", False), ("adamw", True), ("momentum", False)])
def test_it_is_the_optimisers_own_decay_row_by_row(name, attached):
    make, (inputs, labels) = OPTIMISERS[name], (torch.randn(9, 6), torch.arange(9) % 4)
    head = nn.Linear(6, 4, bias=False)
    decay = pen.torch.ClassDecay(head, UNEVEN, 0.1, target=TARGET)
    rows, theirs = rowwise(head, decay.decays.tolist(), make)
    ours = make([head.weight])
    if attached:
        decay.attach(ours)
    schedules = [torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.9) for optimiser in (ours, theirs)]
    for _ in range(5):
        for optimiser, weight in ((ours, lambda: head.weight), (theirs, lambda: torch.stack(rows))):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(inputs @ weight().T, labels)
            if optimiser is ours and not attached:
                loss = loss + decay.penalty()
            loss.backward()
            optimiser.step()
        for schedule in schedules:
            schedule.step()
    torch.testing.assert_close(head.weight.detach(), torch.stack(rows).detach())


def test_the_hook_comes_off_and_leaves_what_has_no_gradient():
    head = nn.Linear(6, 4)
    before = head.weight.detach().clone()
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    handle = pen.torch.ClassDecay(head, UNEVEN, 0.1).attach(optimiser)
    optimiser.step()
    assert torch.equal(head.weight, before)
    head.weight.grad = torch.zeros_like(head.weight)
    optimiser.step()
    after = head.weight.detach().clone()
    assert not torch.equal(after, before)
    handle.remove()
    optimiser.step()
    assert torch.equal(head.weight, after)


def test_the_penaltys_gradient_equals_finite_differences(in_double):
    decay = pen.torch.ClassDecay(double_head(), UNEVEN, 0.1)

    def penalty(weight):
        return torch.func.functional_call(Penalised(decay), {"head.weight": weight}, ())

    assert torch.autograd.gradcheck(penalty, (torch.randn(4, 6, requires_grad=True),))


class Penalised(nn.Module):
    """A module whose output is the penalty, so that other weights can be put in."""

    def __init__(self, decay):
        super().__init__()
        self.decay, self.head = decay, decay.head

    def forward(self):
        return self.decay.penalty()


def test_decays_are_shares_over_target_shares():
    decay = pen.torch.ClassDecay(nn.Linear(6, 4), pen.ClassCounts([60, 30, 0, 10]), 0.5, target=TARGET)
    # Of the classes that have samples 20, 20 and 40 are aimed at.
    expected = 0.5 * np.array([0.6 / 0.25, 0.3 / 0.25, 1.0, 0.1 / 0.5])
    np.testing.assert_allclose(decay.decays, expected, rtol=1e-6)
    same = pen.torch.ClassDecay(nn.Linear(6, 4), UNEVEN, 0.5, target=UNEVEN)
    np.testing.assert_allclose(same.decays, 0.5, rtol=1e-6)


def test_it_follows_a_copied_or_converted_head():
    head = nn.Linear(6, 4)
    decay = copy.deepcopy(pen.torch.ClassDecay(head, UNEVEN, 0.1))
    decay.head.to(torch.bfloat16)
    assert decay.penalty().dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((nn.Linear(6, 3), UNEVEN, 0.1), r"shape \(3, 6\) for 4 classes: give the last layer"),
        ((nn.Linear(6, 4), UNEVEN, 0.0), "positive and finite, got 0"),
        ((nn.Linear(6, 4), UNEVEN, "0.1"), "must be a number, got '0.1'"),
        ((nn.Sequential(nn.Linear(6, 4)), UNEVEN, 0.1), "of type Sequential, has no weight: give the last linear"),
    ],
)
def test_what_cannot_be_is_told(arguments, said):
    with pytest.raises(pen.ProblemError, match=said):
        pen.torch.ClassDecay(*arguments)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (pen.ClassCounts([1, 1, 1]), "4 classes in the counts and 3 in target="),
        (pen.ClassCounts([1, 1, 1, 0]), "class '3' has samples and the target has none of it"),
    ],
)
def test_targets_that_cannot_be_are_told(target, said):
    with pytest.raises((pen.ProblemError, pen.FeaturesError), match=said):
        pen.torch.ClassDecay(nn.Linear(6, 4), UNEVEN, 0.1, target=target)


def test_a_head_that_decays_already_or_is_not_trained_is_told():
    head = nn.Linear(6, 4)
    decay = pen.torch.ClassDecay(head, UNEVEN, 0.1)
    with pytest.raises(pen.ProblemError, match=r"decays the head's matrix too, by 0.01: .*head_weight_decay=0"):
        decay.attach(torch.optim.AdamW(head.parameters()))
    with pytest.raises(pen.ProblemError, match="does not train the head's matrix"):
        decay.attach(torch.optim.SGD([head.bias], lr=0.1))
