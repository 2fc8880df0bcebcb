"""Ridge regression in any dimension: simulations, classical formulas, sums to millions of terms, and bad input."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.equivalents import PowerLaw, RidgeLaw

POWER = np.arange(1.0, 1001.0) ** -1.5


def simulated(spectrum, beta, samples, ridge, draws, seed=0):
    """Bias and variance (unit noise) of ridge regression on Gaussian features, averaged over samples."""
    rng = np.random.default_rng(seed)
    bias = variance = 0.0
    for _ in range(draws):
        X = rng.standard_normal((samples, spectrum.size)) * np.sqrt(spectrum)
        inverse = np.linalg.inv(X @ X.T / samples + ridge * np.eye(samples))
        maps = X.T @ inverse / samples
        bias += spectrum @ np.square(maps @ (X @ beta) - beta) / draws
        variance += np.sum(spectrum[:, None] * maps**2) / draws
    return bias, variance


@pytest.mark.parametrize(("samples", "ridge"), [(60, 1e-4), (60, 0.02), (200, 1e-5), (200, 0.05)])
def test_bias_and_variance_are_those_of_a_simulation(samples, ridge):
    beta = np.arange(1.0, 1001.0) ** -0.25 * np.random.default_rng(1).choice([-1.0, 1.0], 1000)
    law = RidgeLaw(POWER, samples, ridge)
    bias, variance = simulated(POWER, beta, samples, ridge, 60)
    assert law.bias(beta) == pytest.approx(bias, rel=0.05)
    assert law.variance(1.0) == pytest.approx(variance, rel=0.05)


def test_the_peak_is_that_of_a_simulation():
    """As many samples as directions, and hardly any ridge."""
    spectrum, beta = np.linspace(0.5, 2.0, 300), np.full(300, 0.1)
    law = RidgeLaw(spectrum, 300, 0.02)
    bias, variance = simulated(spectrum, beta, 300, 0.02, 40)
    assert law.bias(beta) == pytest.approx(bias, rel=0.05)
    assert law.variance(1.0) == pytest.approx(variance, rel=0.05)
    assert law.inflation > max(RidgeLaw(spectrum, n, 0.02).inflation for n in (150, 600)) > 1.0


@pytest.mark.parametrize("samples", [11, 30, 1000])
def test_least_squares_without_ridge_has_its_classical_variance(samples):
    """``d/(n − d)`` to leading order, no bias."""
    law = RidgeLaw(np.geomspace(1.0, 1e-3, 10), samples, 0.0)
    assert (law.kappa, law.bias(np.ones(10))) == (0.0, 0.0)
    assert law.variance(1.0) == pytest.approx(10 / (samples - 10))


def test_interpolation_of_isotropic_features_has_its_published_error():
    """Hastie et al. 2022 (arXiv 1903.08560), equation (13): γ = d/n > 1, signal r² = 1."""
    law = RidgeLaw(np.ones(300), 100, 0.0)
    assert law.bias(np.full(300, 300**-0.5)) == pytest.approx(1 - 1 / 3)
    assert law.variance(1.0) == pytest.approx(1 / (3 - 1))


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    st.floats(0.5, 1e4),
    st.floats(1e-8, 1e4),
    st.floats(1e-3, 1e3),
)
def test_kappa_solves_its_equation_and_scales_with_the_features(values, samples, ridge, unit):
    spectrum = np.array(values)
    law, scaled = RidgeLaw(spectrum, samples, ridge), RidgeLaw(unit * spectrum, samples, unit * ridge)
    with mpmath.workdps(40):
        kappa = mpmath.mpf(law.kappa)
        used = sum(mpmath.mpf(s) / (mpmath.mpf(s) + kappa) for s in values)
        left = used / mpmath.mpf(samples) + mpmath.mpf(ridge) / kappa
    assert float(abs(left - 1)) < 1e-12
    assert scaled.kappa == pytest.approx(unit * law.kappa, rel=1e-9)
    assert 0 < law.squared_dimension < law.dimension < min(samples, spectrum.size) * (1 + 1e-9)


@given(st.integers(2, 40), st.floats(1e-4, 10.0))
def test_more_samples_never_raise_the_effective_ridge(samples, ridge):
    assert RidgeLaw(POWER[:30], samples + 1, ridge).kappa <= RidgeLaw(POWER[:30], samples, ridge).kappa * (1 + 1e-12)


@pytest.mark.parametrize(("samples", "ridge"), [(150, 1e-3), (400, 1e-3), (400, 0.05)])
def test_one_sample_tells_the_law_of_the_population(samples, ridge):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((samples, POWER.size)) * np.sqrt(POWER)
    seen = RidgeLaw.from_sample(np.linalg.eigvalsh(X @ X.T / samples), samples, ridge)
    true = RidgeLaw(POWER, samples, ridge)
    assert seen.kappa == pytest.approx(true.kappa, rel=0.05)
    assert seen.dimension == pytest.approx(true.dimension, rel=0.02)
    assert seen.variance(1.0) == pytest.approx(true.variance(1.0), rel=0.06)


def test_a_sample_that_is_interpolated_loses_no_digits():
    """At a tiny ridge ``1 − Σ ŝ/(ŝ + λ)/n`` is a difference of nearly equal numbers."""
    values, samples, ridge = np.linspace(1.0, 2.0, 50), 50, 1e-13
    with mpmath.workdps(50):
        exact = mpmath.mpf(ridge) / (1 - sum(v / (v + mpmath.mpf(ridge)) for v in map(mpmath.mpf, values)) / samples)
    assert RidgeLaw.from_sample(values, samples, ridge).kappa == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("exponent", [1.3, 1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("kappa", [0.1, 1e-2, 1e-3])
def test_closed_forms_are_the_sums(exponent, kappa):
    """Two million terms and the integral of the rest."""
    last = 2_000_000
    s = np.arange(1.0, last + 1.0) ** -exponent
    law = PowerLaw(exponent, source=exponent)
    rest = (last + 0.5) ** (1.0 - exponent) / (exponent - 1.0)
    # The rest of Σ s/(s + κ) is Σ s/κ only where s ≪ κ.
    if last**-exponent < 1e-4 * kappa:
        assert law.dimension(kappa) == pytest.approx(np.sum(s / (s + kappa)) + rest / kappa, abs=0.01)
    assert law.squared_dimension(kappa) == pytest.approx(np.sum(np.square(s / (s + kappa))), abs=0.01)
    assert law.lost(kappa) == pytest.approx(np.sum(s * np.square(kappa / (s + kappa))) + rest, rel=0.02)


@pytest.mark.parametrize(("samples", "ridge"), [(100, 1e-3), (1000, 0.0), (1000, 0.01)])
def test_a_power_law_is_its_list_of_eigenvalues(samples, ridge):
    s = np.arange(1.0, 200_001.0) ** -2.0
    listed, closed = RidgeLaw(s, samples, ridge), RidgeLaw(PowerLaw(2.0, source=2.0), samples, ridge)
    assert closed.kappa == pytest.approx(listed.kappa, rel=0.01)
    assert closed.bias() == pytest.approx(listed.bias(np.ones(s.size)), rel=0.02)
    assert closed.variance(2.0) == pytest.approx(listed.variance(2.0), rel=0.02)


def test_the_scale_of_a_power_law_is_a_unit():
    one, other = (RidgeLaw(PowerLaw(1.7, unit, source=2.0), 500, 0.01 * unit) for unit in (1.0, 40.0))
    assert other.kappa == pytest.approx(40 * one.kappa)
    assert other.bias() == pytest.approx(40 * one.bias())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RidgeLaw([1.0, -1.0], 10, 1.0), "zero or above"),
        (lambda: RidgeLaw([0.0, 0.0], 10, 1.0), "not all zero"),
        (lambda: RidgeLaw([1.0, np.nan], 10, 1.0), "finite"),
        (lambda: RidgeLaw([], 10, 1.0), "finite"),
        (lambda: RidgeLaw([[1.0]], 10, 1.0), "shape"),
        (lambda: RidgeLaw("steep", 10, 1.0), "list of eigenvalues"),
        (lambda: RidgeLaw([1.0], 0, 1.0), "number of samples"),
        (lambda: RidgeLaw([1.0], 10, -1.0), "weight decay must be zero or above"),
        (lambda: RidgeLaw([1.0, 1.0], 2, 0.0), "infinite"),
        (lambda: RidgeLaw([1.0], 10, 1.0).bias(), "coefficients"),
        (lambda: RidgeLaw([1.0], 10, 1.0).bias([1.0, 2.0]), "1 eigenvalues"),
        (lambda: RidgeLaw([1.0], 10, 1.0).variance(-1.0), "noise"),
        (lambda: RidgeLaw.from_sample([1.0, 1.0], 1, 0.1), "no more than samples"),
        (lambda: RidgeLaw.from_sample([1.0], 10, 0.0), "weight decay must be positive"),
        (lambda: RidgeLaw.from_sample([1.0], 10, 0.1).bias([1.0]), "population"),
        (lambda: RidgeLaw(PowerLaw(2.0), 100, 0.01).bias(), "source"),
        (lambda: RidgeLaw(PowerLaw(2.0, source=2.0), 100, 0.01).bias([1.0]), "source"),
        (lambda: RidgeLaw(PowerLaw(2.0), 100, 1.0), "give the eigenvalues"),
        (lambda: RidgeLaw(PowerLaw(2.0), 1, 0.0), "give the eigenvalues"),
        (lambda: PowerLaw(2.0).dimension(0.5), "closed forms"),
        (lambda: PowerLaw(1.0), "above 1"),
        (lambda: PowerLaw(2.0, 0.0), "scale"),
        (lambda: PowerLaw(2.0, source=1.0), "source must be above 1"),
        (lambda: PowerLaw(2.0, source=3.5), "at most"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(pen.ProblemError, match=message):
        make()


@pytest.mark.parametrize(("samples", "decay"), [(20, 0.1), (60, 0.01), (500, 1.0)])
def test_it_is_the_law_of_scores_with_one_class(samples, decay):
    rng = np.random.default_rng(0)
    spectrum, beta, noise = POWER[:40], rng.standard_normal(40), 0.3
    signal = beta * spectrum
    population = pen.equivalents.Population(
        np.zeros((1, 40)),
        np.diag(spectrum)[None],
        targets=np.zeros((1, 1)),
        cross=signal[None, None],
        target_covariances=np.array([[[signal @ beta + noise]]]),
    )
    scores = pen.equivalents.ScoreLaw(population, [samples], decay, bias=False)
    law = RidgeLaw(spectrum, samples, decay)
    assert decay * (1 + scores.delta[0]) == pytest.approx(law.kappa, rel=1e-8)
    error = scores.residual_covariances[0, 0, 0] * (1 + scores.noise_of(scores.coupling)[0, 0])
    assert error == pytest.approx(law.bias(beta) + law.variance(noise) + noise, rel=1e-7)
