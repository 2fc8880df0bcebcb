"""The dual bound lies below the minimum, and no gap is claimed below the rounding of what it is the difference of."""

import mpmath
import numpy as np
import pytest

import penultimate as pen
from convex_oracles import dense_matrix
from penultimate.losses import SquaredError, resolve
from penultimate.minimisers.certificate import ROUNDING
from penultimate.minimisers.convex.solving import solve

EPS = np.finfo(float).eps


def exactly(solution):
    """The objective at a solution's own A and b, in 40 digits, class by class; an upper bound of the minimum."""
    with mpmath.workdps(40):
        counts, problem = solution.counts, solution.problem
        n = [mpmath.mpf(value) for value in counts.values]
        samples, k = mpmath.fsum(n), len(n)
        loss = resolve(problem.loss, counts)
        vectors = {name: [mpmath.mpf(x) for x in vector] for name, vector in loss.vectors.items()}
        weights = vectors.get("weights", [mpmath.mpf(1)] * k)
        mean = mpmath.fsum(w * c for w, c in zip(weights, n, strict=True)) / samples
        a, b = dense_matrix(solution)
        a, b = mpmath.matrix(a.tolist()), [mpmath.mpf(x) for x in b]
        total = mpmath.mpf(0)
        for h in range(k):
            z = [a[j, h] / mpmath.sqrt(n[h]) + b[j] for j in range(k)]
            if isinstance(loss, SquaredError):
                value = mpmath.fsum((x - (j == h)) ** 2 for j, x in enumerate(z)) / 2
            else:
                scale, offset = vectors.get("scales", [1] * k), vectors.get("offsets", [0] * k)
                v = [scale[j] * x + offset[j] for j, x in enumerate(z)]
                value = mpmath.log(mpmath.fsum(mpmath.exp(x) for x in v)) - v[h]
            total += weights[h] / mean * n[h] / samples * value
        decay = mpmath.mpf(problem.weight_decay[0])
        mu = mpmath.sqrt(decay * (mpmath.mpf(problem.feature_decay) if problem.feature_decay else decay / samples))
        total += mu * mpmath.fsum(mpmath.svd_r(a, compute_uv=False))
        if not isinstance(problem.bias, str):
            total += mpmath.mpf(problem.bias) / 2 * mpmath.fsum(x**2 for x in b)
        return total


@pytest.mark.parametrize(
    ("n", "loss", "decay"),
    [([10] * 4, "mse:inverse", 1e-10), ([424] * 3, "mse:power:0.5", 2.2e-11), ([7] * 5, "mse:inverse", 3e-12)],
)
def test_the_bound_is_no_higher_than_the_closed_form_of_equal_counts(n, loss, decay):
    """Their weights are 1, so this is plain squared error: a bound that was 3e-6 above it read a gap of zero."""
    counts = pen.ClassCounts(n)
    certificate = pen.minimise(counts, pen.Problem.from_decays(decay, loss=loss)).certificate
    with mpmath.workdps(40):
        samples, k = mpmath.mpf(counts.samples), len(n)
        sigma, mu = mpmath.sqrt(mpmath.mpf(n[0])), mpmath.mpf(decay) / mpmath.sqrt(samples)
        strength = sigma - samples * mu
        least = (k - 1) * ((strength - sigma) ** 2 / (2 * samples) + mu * strength)
        assert certificate.dual <= least
        assert least - certificate.dual <= 1e-8 * least
    assert certificate.gap >= ROUNDING * certificate.primal and certificate.relative_gap < 1e-8


@pytest.mark.parametrize("loss", ["mse", "mse:inverse", "mse:power:0.5", "ce", "la:1", "weighted:inverse", "cdt:0.3"])
@pytest.mark.parametrize("bias", ["free", "none", 1e-3])
def test_the_bound_is_below_the_objective_in_forty_digits(loss, bias):
    """At the point itself; rounding of the objective stays within what the certificate allows for."""
    rng = np.random.default_rng(len(loss) * 7 + len(str(bias)))
    worst = 0.0
    for _ in range(6):
        counts = pen.ClassCounts(np.round(10 ** rng.uniform(0, 5, rng.integers(2, 5))))
        problem = pen.Problem.from_decays(float(10 ** rng.uniform(-11, 0)), loss=loss, bias=bias)
        solution = solve(counts, problem, gap=1e-12)
        value = exactly(solution)
        assert solution.certificate.dual <= value
        assert solution.gap >= float(value) - solution.certificate.dual - ROUNDING * float(value)
        worst = max(worst, abs(float(solution.objective / value - 1)))
    print(f"{loss} {bias}: {worst / EPS:.1f} eps")
    assert worst <= ROUNDING


@pytest.mark.parametrize("decay", [1e-9, 1e-3])
def test_squared_error_with_a_regularised_bias_claims_no_more_than_rounding(decay):
    solution = pen.minimise(pen.ClassCounts([600, 30, 2]), pen.Problem.from_decays(decay, bias=0.3))
    assert solution.gap >= ROUNDING * solution.objective
    assert solution.converged
