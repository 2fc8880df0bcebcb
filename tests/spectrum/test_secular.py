"""Roots and residues of the secular equation against 50-digit arithmetic, on counts made to hurt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import SecularEquation
from penultimate import kernels
from penultimate.spectrum.secular import CauchySystem


def ulp_cluster(start: float, size: int, step: int = 1) -> list[float]:
    return [start * (1 + k * step * 2.0**-52) for k in range(size)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ADVERSARIAL = {
    "two-groups": ([5000.0, 50.0], [5, 5]),
    "two-classes": ([3.0, 2.0], [1, 1]),
    "one-ulp-apart": (ulp_cluster(1000.0, 12), [1] * 12),
    "ulp-clusters-far-apart": (
        ulp_cluster(1.0, 8) + ulp_cluster(1e12, 8, 3) + ulp_cluster(7.5, 8, 5) + [2.0, 1e6],
        list(rng().integers(1, 10**7, 26)),
    ),
    "clusters-1e-9": ([7.0 * (1 + 1e-9 * k) for k in range(10)] + [3.0, 1e12], [1] * 12),
    "twelve-decades": (list(np.exp(rng(1).uniform(0, np.log(1e12), 300))), [1] * 300),
    "twelve-decades-heavy": (list(np.exp(rng(2).uniform(0, np.log(1e12), 60))), list(rng(3).integers(1, 10**9, 60))),
    "integers": (list(rng(4).choice(10**6, 300, replace=False) + 1.0), [1] * 300),
    # A light pole between heavy ones: the root's offset from it is ill-conditioned in ordinary precision.
    "light-between-heavy": ([3.0, 2.3, 2.0, 1.0], [10**8, 1, 1, 72_000_000]),
    "light-between-heavier": ([3.0, 2.000001, 2.0, 1.0], [10**12, 1, 1, 2 * 10**12]),
    "huge-multiplicities": ([9.0, 8.0, 7.0, 1.0], [1, 10**12, 1, 10**12]),
}


@pytest.fixture(params=["numpy", "compiled"])
def either(request, monkeypatch):
    """By whole arrays, and by the compiled loops, as more poles have it."""
    if request.param == "compiled":
        monkeypatch.setattr(kernels, "FEW_CLASSES", 0)


@pytest.fixture(params=list(ADVERSARIAL))
def problem(request, either):
    poles, multiplicity = ADVERSARIAL[request.param]
    order = np.argsort(poles)[::-1]
    poles, multiplicity = np.array(poles)[order], np.array(multiplicity, dtype=float)[order]
    return CauchySystem.solve(poles, multiplicity, poles), multiplicity


def test_gaps_keep_twelve_digits_and_singular_values_thirteen(problem):
    system, multiplicity = problem
    equation = SecularEquation(system.poles, multiplicity)
    exact = equation.context.mpf
    for i, (anchor, offset) in enumerate(zip(system.anchor, system.offset, strict=True)):
        pole, tau, small = equation.poles[anchor], exact(float(offset)), exact("1e-12")
        # The nearer pole has the smallest difference, so the others are at least as accurate.
        assert equation.encloses(i, pole + tau * (1 - small), pole + tau * (1 + small))
        sigma, small = exact(float(np.sqrt(system.roots[i]))), exact("1e-13")
        assert equation.encloses(i, (sigma * (1 - small)) ** 2, (sigma * (1 + small)) ** 2)


def test_the_oracle_notices_a_root_that_is_off():
    system = CauchySystem.solve(np.array([9.0, 4.0, 1.0]), np.ones(3), np.array([9.0, 4.0, 1.0]))
    equation = SecularEquation(system.poles, np.ones(3))
    pole, tau = equation.poles[system.anchor[0]], equation.context.mpf(float(system.offset[0]))
    assert not equation.encloses(0, pole + tau * (1 + equation.context.mpf("1e-12")), pole + tau * 2)


def test_residues_are_the_normalised_weights(problem):
    system, multiplicity = problem
    weights = multiplicity * system.poles
    np.testing.assert_allclose(system.residues, weights / weights.sum(), rtol=1e-12)


def test_sums_match_their_dense_twins(either):
    poles = np.sort(rng(5).uniform(1, 1e5, 200))[::-1]
    system = CauchySystem.solve(poles, np.ones(200), poles)
    dense = 1.0 / system.differences(np.arange(200), np.arange(199))
    x, y = rng(6).standard_normal(199), rng(7).standard_normal(200)
    for power in (1, 2):
        np.testing.assert_allclose(system.sum_over_roots(x, power), dense**power @ x, rtol=1e-9)
        np.testing.assert_allclose(system.sum_over_poles(y, power), y @ dense**power, rtol=1e-9)


def test_one_pole_has_no_root(either):
    system = CauchySystem.solve(np.array([4.0]), np.array([3.0]), np.array([4.0]))
    assert system.roots.size == 0
    np.testing.assert_array_equal(system.residues, [1.0])


@given(
    st.lists(
        st.tuples(st.floats(1, 1e9), st.integers(1, 10**9)), min_size=2, max_size=40, unique_by=lambda pair: pair[0]
    )
)
def test_roots_interlace_and_make_the_equation_vanish(pairs):
    pairs = sorted(pairs, reverse=True)
    poles, multiplicity = np.array([p for p, _ in pairs]), np.array([float(s) for _, s in pairs])
    system = CauchySystem.solve(poles, multiplicity, poles)
    differences = system.differences(np.arange(poles.size), np.arange(poles.size - 1))
    for i in range(poles.size - 1):
        assert np.all(differences[: i + 1, i] > 0)
        assert np.all(differences[i + 1 :, i] < 0)
    # Σ p_g/(c_g − λ_i) = 0 holds for the residues of the roots as computed, relative to the size of its terms.
    terms = system.residues[:, None] / differences
    assert np.all(np.abs(terms.sum(axis=0)) <= 1e-12 * np.abs(terms).sum(axis=0))


@given(
    st.lists(st.tuples(st.floats(1, 1e9), st.integers(1, 10**6)), min_size=2, max_size=30, unique_by=lambda x: x[0]),
    st.integers(0, 99),
)
def test_arrays_and_compiled_loops_agree(pairs, seed):
    pairs = sorted(pairs, reverse=True)
    poles, multiplicity = np.array([p for p, _ in pairs]), np.array([float(s) for _, s in pairs])
    x = rng(seed).standard_normal(poles.size - 1)
    every, pair = np.arange(poles.size), rng(seed).integers(0, poles.size, (2, 40))
    found = []
    for few in (0, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "FEW_CLASSES", few)
            system = CauchySystem.solve(poles, multiplicity, poles)
            values, size = system.sum_over_roots(x), system.sum_over_roots(np.abs(x), 2)
            found.append((system, values, size, system.loewner(x, values, every, every)))
            scale = np.sqrt(np.outer(size, size))
            pairs_of = system.loewner_pairs(x, values, *pair)
            off = pair[0] != pair[1]
            error = np.abs(pairs_of - found[-1][3][pair[0], pair[1]])[off] / scale[pair[0], pair[1]][off]
            assert np.all(error <= 1e-9)
            assert not pairs_of[~off].any()
    (one, values, size, products), (other, others, _, theirs) = found
    np.testing.assert_array_equal(one.anchor, other.anchor)
    np.testing.assert_allclose(one.offset, other.offset, rtol=1e-12)
    np.testing.assert_allclose(one.residues, other.residues, rtol=1e-11)
    assert np.all(np.abs(values - others) <= 1e-11 * one.sum_over_roots(np.abs(x), 1).max() + 1e-9 * np.abs(values))
    assert np.all(np.abs(products - theirs) <= 1e-6 * np.sqrt(np.outer(size, size)))
