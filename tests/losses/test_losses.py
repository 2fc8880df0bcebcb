"""Losses: against PyTorch, finite differences and their conjugates' definition; their names; their errors."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

import penultimate as pen
from convex_oracles import LOSSES, DenseProblem
from penultimate.losses import CrossEntropy, SquaredError, resolve
from penultimate.losses.weights import effective_weights

COUNTS = [50, 20, 20, 20, 4]


def columns(grouped, counts, logits):
    """Logits of the m + 1 rows from a K × K matrix that is alike within groups (rows other than one's own averaged)."""
    first, second = counts.representatives.T
    other = logits[np.ix_(np.where(second >= 0, second, first), first)]
    off = logits[np.ix_(first, first)]
    np.fill_diagonal(off, np.diagonal(other))
    return np.vstack([off, np.diagonal(logits)[first]])


def alike(counts, rng):
    """A random K × K matrix that treats classes of one group alike."""
    group = counts.group
    block = rng.standard_normal((counts.distinct.size, counts.distinct.size))
    return block[np.ix_(group, group)] + np.diag(rng.standard_normal(counts.distinct.size)[group])


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_slope_equal_those_of_every_class_written_out(name):
    counts, rng = pen.ClassCounts(COUNTS), np.random.default_rng(0)
    loss = resolve(name, counts)
    grouped, dense = loss.grouped(counts), DenseProblem(COUNTS, loss, 0.0, "free")
    z = 3 * alike(counts, rng)
    at = grouped.at(columns(grouped, counts, z))
    share = grouped.weight * counts.multiplicity * counts.distinct / counts.samples
    expected = dense.value(z * np.sqrt(dense.n), np.zeros(5))
    assert share @ at.value == pytest.approx(expected, rel=1e-13)
    assert share @ grouped.value(columns(grouped, counts, z)) == pytest.approx(expected, rel=1e-13)
    slope = dense.slope(z * np.sqrt(dense.n), np.zeros(5))[1]
    whole = at.slope[:-1] @ share + at.slope[-1] * share
    np.testing.assert_allclose(whole, np.bincount(counts.group, weights=slope), atol=1e-14)
    np.testing.assert_allclose(grouped.multiplicity * grouped.slope(columns(grouped, counts, z)), at.slope, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives_equal_finite_differences(name):
    counts, rng = pen.ClassCounts(COUNTS), np.random.default_rng(1)
    grouped = resolve(name, counts).grouped(counts)
    x, d, e = rng.standard_normal((3, 4, 3))
    h = 1e-5
    curve = (grouped.at(x + h * d).slope - grouped.at(x - h * d).slope) / (2 * h)
    np.testing.assert_allclose(grouped.at(x).curve(d), curve, atol=1e-8)
    np.testing.assert_allclose(np.sum(e * grouped.at(x).curve(d)), np.sum(d * grouped.at(x).curve(e)), rtol=1e-12)
    share = np.array([0.5, 0.3, 0.2])
    for g in range(3):
        move = np.zeros((4, 3))
        move[g], move[-1, g] = 1.0, 1.0  # every logit of group g
        product = grouped.at(x).curve(move)
        grouped_product = product[:-1] + np.diag(product[-1])
        np.testing.assert_allclose(grouped.at(x).pair_curvature()[g], grouped_product[g], atol=1e-13)
        np.testing.assert_allclose(grouped.at(x).shared_curvature(share)[:, g], grouped_product @ share, atol=1e-13)
    assert np.all(np.abs(np.linalg.eigvalsh(grouped.at(x).shared_curvature(share))) <= 5 * grouped.bound + 1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shrink", [1.0, 0.6])
def test_the_conjugate_is_the_supremum(name, shrink):
    """ℓ*(r) = sup_z ⟨r, z⟩ − ℓ(z), found numerically for every column."""
    counts, rng = pen.ClassCounts([9, 5, 5, 2]), np.random.default_rng(2)
    grouped = resolve(name, counts).grouped(counts)
    x = rng.standard_normal((4, 3))
    r = shrink * grouped.multiplicity * grouped.slope(x)
    for k in range(3):

        def negative(z, k=k):
            full = x.copy()
            full[:, k] = z
            return grouped.value(full)[k] - r[:, k] @ z

        found = minimize(negative, x[:, k], method="BFGS", options={"gtol": 1e-9}, tol=1e-14)
        assert grouped.conjugate(shrink * grouped.slope(x))[k] == pytest.approx(-found.fun, rel=1e-6, abs=1e-8)


def test_gradient_of_small_losses_keeps_its_digits():
    """At a loss of 1e-12 the slope is −1e-12, not the difference of numbers near one."""
    grouped = CrossEntropy().grouped(pen.ClassCounts([2, 1]))
    x = np.array([[0.0, 0.0], [0.0, 0.0], [30.0, 28.0]])
    at = grouped.at(x)
    np.testing.assert_allclose(at.value, np.log1p(np.exp([-30.0, -28.0])), rtol=1e-14)
    np.testing.assert_allclose(at.slope[-1], -1 / (1 + np.exp([30.0, 28.0])), rtol=1e-14)
    assert (
        check_grad(
            lambda v: grouped.at(v.reshape(3, 2)).value.sum(),
            lambda v: grouped.at(v.reshape(3, 2)).slope.ravel(),
            x.ravel(),
            seed=0,
        )
        < 1e-6
    )


torch_losses = [
    ("ce", {}),
    ("weighted:inverse", {"weight": True}),
    ("smooth:0.2", {"label_smoothing": 0.2}),
]


@pytest.mark.parametrize(("name", "options"), torch_losses)
def test_values_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    n = [7, 3, 2]
    counts, rng = pen.ClassCounts(n), np.random.default_rng(3)
    loss = resolve(name, counts)
    z = rng.standard_normal((3, 3))
    labels = np.repeat(np.arange(3), n)
    weight = torch.tensor(1.0 / np.array(n)) if options.pop("weight", False) else None
    criterion = torch.nn.CrossEntropyLoss(weight=weight, **options)
    expected = float(criterion(torch.tensor(z[labels]), torch.tensor(labels)))
    ours = DenseProblem(n, loss, 0.0, "free").value(z.T * np.sqrt(n), np.zeros(3))
    assert ours == pytest.approx(expected, rel=1e-12)


def test_effective_weights_do_not_cancel():
    """β → 1 gives 1/n; mpmath would say (1 − β)/(1 − β^n)."""
    counts = pen.ClassCounts([1000, 10, 1])
    np.testing.assert_allclose(effective_weights(counts, 1 - 1e-13), [1e-3, 0.1, 1.0], rtol=1e-9)
    np.testing.assert_allclose(effective_weights(counts, 0.5), [0.5, 0.5 / (1 - 0.5**10), 1.0], rtol=1e-14)


def test_weights_have_mean_one_over_samples():
    for name in ("weighted:inverse", "mse:effective:0.99"):
        counts = pen.ClassCounts(COUNTS)
        weight = resolve(name, counts).grouped(counts).weight
        assert np.sum(weight * counts.multiplicity * counts.distinct) == pytest.approx(counts.samples, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("hinge", "unknown loss 'hinge'.*la"),
        ("focal", "not convex"),
        ("focal:2", "not convex"),
        ("la:x", "'x' is no number"),
        ("la:1:2", "2 numbers, but 1 at most"),
        ("la:nan", "tau must be a finite number"),
        ("cdt:inf", "gamma must be a finite number"),
        ("ldam:-1", "at least 0"),
        ("smooth:1", "below 1"),
        ("weighted:effective:1", "between 0 and 1"),
        ("weighted", "unknown loss"),
        ("ce:1", "1 numbers, but 0"),
    ],
)
def test_names_that_are_none(name, match):
    with pytest.raises(pen.ProblemError, match=match):
        pen.Problem.from_decays(loss=name)


@pytest.mark.parametrize("make", [CrossEntropy.weighted, lambda w: SquaredError(weights=w)])
@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ([1.0, 0.0, 1.0], "positive, got 0 for class 1"),
        ([1.0, -1.0, 1.0], "positive"),
        ([1.0, np.nan, 1.0], "finite"),
        ([[1.0, 2.0]], "vector"),
        (["a", "b"], "numbers"),
    ],
)
def test_weights_that_are_none(make, weights, match):
    with pytest.raises(pen.ProblemError, match=match):
        make(weights)


def test_vectors_must_fit_the_classes():
    with pytest.raises(pen.ProblemError, match="2 weights of the loss for 3 classes"):
        pen.minimise(pen.ClassCounts([3, 2, 1]), pen.Problem.from_decays(loss=CrossEntropy.weighted([1.0, 2.0])))


@pytest.mark.parametrize("name", ["la:1", "cdt:0.3", "vs"])
def test_adjustments_of_unseen_classes_are_those_of_the_rarest(name):
    for vector in resolve(name, pen.ClassCounts([30, 0, 10, 5])).vectors.values():
        assert vector[1] == vector[3] != vector[0]


def test_unseen_classes():
    n = [30, 0, 10, 5]
    seen = pen.minimise(pen.ClassCounts([30, 10, 5]), pen.Problem.from_decays(1e-2, loss="ce"))
    whole = pen.minimise(pen.ClassCounts(n), pen.Problem.from_decays(1e-2, loss="ce"))
    assert whole.objective == pytest.approx(seen.objective, rel=1e-12)
    assert whole.geometry.bias[1] == -np.inf
