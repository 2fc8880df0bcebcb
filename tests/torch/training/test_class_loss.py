"""The solver's losses as modules: against the solver's own, PyTorch's, and finite differences."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

import penultimate as pen
from convex_oracles import LOSSES, DenseProblem
from seeds import SEED

COUNTS = pen.ClassCounts([50, 20, 20, 8, 2])
# With every vector at once, which no name has.
ALL = pen.losses.CrossEntropy(
    "all", weights=[1, 2, 3, 4, 5], scales=[1, 0.9, 0.8, 0.9, 0.5], offsets=[0, -1, 1, 0.5, -2], smoothing=0.1
)
SOFT = [*(name for name in LOSSES if not name.startswith("ldam")), ALL]


def double(loss, counts=COUNTS, **choices):
    return pen.torch.ClassLoss(loss, counts, dtype=torch.float64, **choices)


def drawn(*shape, seed=0, classes=5):
    """Logits of a shape (…, K, …) and targets for it."""
    generator = torch.Generator().manual_seed(seed + SEED)
    logits = 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)
    targets = torch.randint(classes, (*shape[:1], *shape[2:]), generator=generator)
    return logits.requires_grad_(), targets


def of_rows(logits):
    """(N, K, d1, …) as (N d1 …, K)."""
    return logits.movedim(1, -1).reshape(-1, logits.shape[1])


# ------------------------------------------------------------------ the solver


@pytest.mark.parametrize("loss", [*LOSSES, ALL])
def test_over_a_training_set_it_is_the_solvers_objective_and_gradient(loss):
    # One row of logits a class, as in the unconstrained feature model, each as often as the class has samples.
    rng = np.random.default_rng(0)
    z, n = 3 * rng.standard_normal((5, 5)), COUNTS.values.astype(int)
    dense = DenseProblem(n, pen.losses.resolve(loss, COUNTS), 0.0, "free")
    logits = torch.tensor(z.T, requires_grad=True)
    labels = torch.arange(5).repeat_interleave(torch.as_tensor(n))
    value = double(loss)(logits[labels], labels)
    value.backward()
    assert value.item() == pytest.approx(dense.value(z * np.sqrt(n), np.zeros(5)), rel=1e-13)
    slope, _ = dense.slope(z * np.sqrt(n), np.zeros(5))
    np.testing.assert_allclose(logits.grad.numpy().T, slope * np.sqrt(n), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("loss", ["la:1", "weighted:inverse", "mse:inverse"])
def test_a_batch_is_an_unbiased_sample_of_the_objective(loss):
    logits, _ = drawn(100, 5)
    labels = torch.arange(5).repeat_interleave(torch.tensor([50, 20, 20, 8, 2]))
    criterion = double(loss)
    batches = torch.randperm(100, generator=torch.Generator().manual_seed(SEED)).split(10)
    mean = sum(criterion(logits[batch], labels[batch]) for batch in batches) / 10
    torch.testing.assert_close(mean, criterion(logits, labels))


def test_without_samples_a_class_is_driven_out_and_what_remains_is_the_solvers():
    counts, seen = pen.ClassCounts([50, 0, 20]), pen.ClassCounts([50, 20])
    logits, _ = drawn(70, 3, classes=3)
    labels = torch.tensor([0, 2]).repeat_interleave(torch.tensor([50, 20]))
    for name in ("ce", "la:1", "cdt:0.5", "ldam", "weighted:inverse"):
        value = double(name, counts)(logits, labels)
        (slope,) = torch.autograd.grad(value, logits)
        assert bool((slope[:, 1] > 0).all())
        driven = logits.detach().clone()
        driven[:, 1] = -1e4
        expected = double(name, seen)(driven[:, [0, 2]], (labels > 0).long())
        torch.testing.assert_close(double(name, counts)(driven, labels), expected)


# ---------------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("shape", [(7, 5), (4, 5, 3), (2, 5, 3, 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_plain_and_smoothed_it_is_cross_entropy_loss(shape, reduction, smoothing):
    logits, targets = drawn(*shape)
    targets.view(-1)[1] = -100
    loss = pen.losses.CrossEntropy(smoothing=smoothing)
    theirs = nn.CrossEntropyLoss(reduction=reduction, label_smoothing=smoothing)
    for chosen in (targets, torch.softmax(logits.detach().flip(0), 1)):
        value = double(loss, reduction=reduction)(logits, chosen)
        torch.testing.assert_close(value, theirs(logits, chosen))
        (ours,) = torch.autograd.grad(value.sum(), logits)
        torch.testing.assert_close(ours, torch.autograd.grad(theirs(logits, chosen).sum(), logits)[0])


def test_weighted_it_is_cross_entropy_loss_up_to_one_factor_and_over_the_training_set_exactly():
    labels = torch.arange(5).repeat_interleave(torch.tensor([50, 20, 20, 8, 2]))
    logits, _ = drawn(100, 5)
    ours = double("weighted:inverse")
    theirs = nn.CrossEntropyLoss(weight=1 / torch.tensor(COUNTS.values))
    torch.testing.assert_close(ours(logits, labels), theirs(logits, labels))
    each = nn.CrossEntropyLoss(weight=ours.weights, reduction="none")
    batch = slice(40, 60)
    torch.testing.assert_close(ours(logits[batch], labels[batch]), each(logits[batch], labels[batch]).mean())
    assert (ours.weights @ torch.tensor(COUNTS.values) / 100).item() == pytest.approx(1.0)


def test_squared_error_is_half_the_squared_distance_summed_over_classes():
    logits, labels = drawn(9, 5)
    one_hot = nn.functional.one_hot(labels, 5).double()
    expected = nn.MSELoss()(logits, one_hot) * 5 / 2
    torch.testing.assert_close(double("mse")(logits, labels), expected)
    torch.testing.assert_close(double("mse")(logits, one_hot), expected)


@pytest.mark.parametrize("loss", [*LOSSES, ALL])
def test_one_sample_without_a_batch(loss):
    logits, labels = drawn(3, 5)
    single = double(loss, reduction="none")
    torch.testing.assert_close(single(logits[1], labels[1]), single(logits, labels)[1])


# --------------------------------------------------------- shapes, targets, types


@pytest.mark.parametrize("loss", [*LOSSES, ALL])
def test_positions_are_samples_and_ignored_ones_are_none(loss):
    logits, targets = drawn(4, 5, 3, 2)
    targets[0, 1], targets[2] = -1, -1
    flat, labels = of_rows(logits), targets.reshape(-1)
    whole, rows = double(loss, ignore_index=-1), double(loss)
    torch.testing.assert_close(whole(logits, targets), rows(flat[labels >= 0], labels[labels >= 0]))
    (slope,) = torch.autograd.grad(whole(logits, targets), logits)
    assert not of_rows(slope)[labels < 0].any()


@pytest.mark.parametrize("loss", SOFT)
def test_probabilities_stand_for_the_mean_loss_over_them(loss):
    logits, _ = drawn(6, 5, 2)
    share = torch.softmax(drawn(6, 5, 2, seed=1)[0].detach(), 1)
    each = double(loss, reduction="none")
    expected = sum(share[:, k] * each(logits, torch.full((6, 2), k)) for k in range(5))
    torch.testing.assert_close(each(logits, share), expected)
    torch.testing.assert_close(double(loss)(logits, share), expected.mean())


@pytest.mark.parametrize("loss", [*LOSSES, ALL])
def test_gradients_equal_finite_differences_twice(loss):
    logits, targets = drawn(3, 5, 2)
    targets[1, 0] = -100
    assert torch.autograd.gradcheck(lambda z: double(loss)(z, targets), (logits,))
    assert torch.autograd.gradgradcheck(lambda z: double(loss)(z, targets), (logits,))
    if loss in SOFT:
        share = torch.softmax(drawn(3, 5, 2, seed=2)[0].detach(), 1).requires_grad_()
        assert torch.autograd.gradcheck(lambda z, q: double(loss)(z, q), (logits, share))


@pytest.mark.parametrize("loss", [*LOSSES, ALL])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(loss, kind):
    logits, targets = drawn(8, 5)
    half = logits.detach().to(kind).requires_grad_()
    criterion = pen.torch.ClassLoss(loss, COUNTS)
    value = criterion(half, targets)
    assert value.dtype == torch.float32
    value.backward()
    assert half.grad.dtype == kind and bool(half.grad.isfinite().all())
    torch.testing.assert_close(value, criterion(half.detach().float(), targets), rtol=0, atol=0)


@pytest.mark.parametrize("loss", ["ce", "la:1", "ldam", "vs", "mse:inverse", "smooth"])
def test_under_autocast_it_is_what_it_is_outside(loss):
    logits, targets = drawn(8, 5)
    head, features = nn.Linear(6, 5), torch.randn(8, 6, generator=torch.Generator().manual_seed(SEED))
    criterion = pen.torch.ClassLoss(loss, COUNTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
        inside = criterion(logits, targets)
    assert logits.dtype == torch.bfloat16 and inside.dtype == torch.float32
    torch.testing.assert_close(inside, criterion(logits, targets), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8])
def test_indices_of_any_whole_type(kind):
    logits, targets = drawn(8, 5)
    torch.testing.assert_close(double("vs")(logits, targets.to(kind)), double("vs")(logits, targets))


def test_huge_logits_do_not_overflow():
    logits = torch.tensor([[1e30, 0.0, -1e30, 3.0, 4.0]], requires_grad=True)
    value = pen.torch.ClassLoss("vs", COUNTS)(logits, torch.tensor([0]))
    value.backward()
    assert value.item() == 0.0 and bool(logits.grad.isfinite().all())


# ------------------------------------------------------------------- as a module


@pytest.mark.parametrize(
    ("loss", "soft"), [*((loss, False) for loss in [*LOSSES, ALL]), *((loss, True) for loss in SOFT)]
)
def test_compiled_in_one_graph_it_is_the_same(loss, soft):
    torch._dynamo.reset()
    logits, targets = drawn(6, 5)
    targets[2] = -100
    targets = torch.softmax(logits.detach().flip(0), 1) if soft else targets
    criterion = double(loss)
    compiled = torch.compile(criterion, fullgraph=True, backend="aot_eager")
    value = compiled(logits, targets)
    torch.testing.assert_close(value, criterion(logits, targets))
    (slope,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(slope, torch.autograd.grad(criterion(logits, targets), logits)[0])


def test_its_vectors_are_saved_and_read_back():
    criterion = pen.torch.ClassLoss(ALL, COUNTS)
    assert set(criterion.state_dict()) == {"weights", "scales", "offsets"} and not list(criterion.parameters())
    held = io.BytesIO()
    torch.save(criterion.state_dict(), held)
    held.seek(0)
    other = pen.losses.CrossEntropy(weights=np.ones(5), scales=np.ones(5), offsets=np.zeros(5), smoothing=0.1)
    again = pen.torch.ClassLoss(other, COUNTS)
    again.load_state_dict(torch.load(held, weights_only=True))
    logits, targets = drawn(8, 5)
    torch.testing.assert_close(again(logits, targets), criterion(logits, targets))
    with pytest.raises(RuntimeError, match="Missing key"):
        again.load_state_dict(pen.torch.ClassLoss("ce", COUNTS).state_dict())


def test_its_vectors_move_and_are_copied():
    criterion = pen.torch.ClassLoss("la:1", COUNTS, device="meta")
    assert criterion.offsets.device.type == "meta"
    moved = copy.deepcopy(pen.torch.ClassLoss("la:1", COUNTS)).double()
    assert moved.offsets.dtype == torch.float64


@pytest.mark.parametrize("loss", ["ce", "mse", "ldam", "smooth:0.1"])
def test_a_class_whose_byte_is_that_of_the_ignored_index_counts(loss):
    counts, index = np.arange(1, 201), torch.tensor([156, 3])  # −100 in a byte is 156
    criterion = pen.torch.ClassLoss(loss, counts, reduction="none")
    logits = torch.randn(2, 200, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(criterion(logits, index.to(torch.uint8)), criterion(logits, index))


# ------------------------------------------------------------------------ errors


def test_bad_choices_are_told_when_it_is_made():
    with pytest.raises(pen.ProblemError, match="unknown reduction 'batchmean': give 'mean', 'sum' or 'none'"):
        pen.torch.ClassLoss("ce", COUNTS, reduction="batchmean")
    with pytest.raises(pen.ProblemError, match="unknown loss"):
        pen.torch.ClassLoss("hinge", COUNTS)
    with pytest.raises(pen.ProblemError, match="2 weights of the loss for 5 classes"):
        pen.torch.ClassLoss(pen.losses.CrossEntropy.weighted([1.0, 2.0]), COUNTS)


@pytest.mark.parametrize(
    ("logits", "targets", "said"),
    [
        (torch.zeros(2, 4), torch.zeros(2).long(), r"logits of shape \(2, 4\) for 5 classes: give \(N, 5\)"),
        (torch.tensor(1.0), torch.tensor(0), r"logits of shape \(\) for 5"),
        (torch.zeros(2, 5), torch.zeros(3).long(), r"\(3,\) and type torch.int64 are class indices.*have shape \(2,\)"),
        (torch.zeros(2, 5), torch.zeros(2, 5).long(), r"are class indices.* or target.float\(\) where they are prob"),
        (torch.zeros(2, 5), torch.zeros(2), r"\(2,\) and type torch.float32 are probabilities.*have shape \(2, 5\)"),
        (torch.zeros(2, 5, 3), torch.zeros(2, 5).long(), r"have shape \(2, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_told(logits, targets, said):
    with pytest.raises(pen.FeaturesError, match=said):
        pen.torch.ClassLoss("ce", COUNTS)(logits, targets)


def test_margins_need_a_class():
    with pytest.raises(pen.FeaturesError, match=r"LDAM.*give class indices"):
        pen.torch.ClassLoss("ldam", COUNTS)(torch.zeros(2, 5), torch.full((2, 5), 0.2))


@pytest.mark.parametrize("loss", ["ce", "mse", "ldam"])
@pytest.mark.parametrize("label", [5, -1])
def test_an_index_that_is_no_class_is_an_error(loss, label):
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        pen.torch.ClassLoss(loss, COUNTS)(torch.zeros(2, 5), torch.tensor([0, label]))
