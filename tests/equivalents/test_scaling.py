"""Exponents of a spectrum: planted power laws are found, others refused, and the bundled features have none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.equivalents import RidgeLaw

RANKS = np.arange(1.0, 1001.0)


@given(st.floats(1.1, 4.0), st.floats(1e-6, 1e6), st.integers(0, 10**6))
def test_a_power_law_is_found_in_any_unit_and_order(exponent, scale, seed):
    law = pen.scaling_law(np.random.default_rng(seed).permutation(scale * RANKS**-exponent))
    assert (law.first, law.last) == (1, 1000)
    assert law.exponent == pytest.approx(exponent) and law.scale == pytest.approx(scale)
    assert law.least == pytest.approx(exponent) and law.most == pytest.approx(exponent)
    assert law.by_width == pytest.approx(exponent - 1) and law.by_samples == pytest.approx(1 - 1 / exponent)


@pytest.mark.parametrize("width", [1000, 1500])
@pytest.mark.parametrize("exponent", [1.3, 1.8, 2.5])
def test_wide_features_with_a_planted_law_show_it(width, exponent):
    spectrum = np.arange(1.0, width + 1.0) ** -exponent
    rows = np.random.default_rng(0).standard_normal((2000, width)) * np.sqrt(spectrum)
    law = pen.scaling_law(np.linalg.eigvalsh(rows.T @ rows / 2000), samples=2000)
    assert law.last == 100
    assert law.exponent == pytest.approx(exponent, rel=0.03)


@pytest.mark.parametrize("name", ["cnn-ce", "cnn-ce-test", "cnn-mse", "cnn-mse-test"])
def test_the_bundled_features_have_none(name):
    statistics = pen.FeatureStatistics(10, 64)
    for batch in pen.datasets.features(name).batches():
        statistics.update(batch.features, batch.labels)
    for scatter in (statistics.total_scatter, statistics.within_scatter):
        with pytest.raises(pen.FeaturesError, match="64 eigenvalues are too few"):
            pen.scaling_law(np.clip(np.linalg.eigvalsh(scatter), 0.0, None))


@pytest.mark.parametrize(
    "spectrum",
    [
        np.exp(-RANKS / 50),
        np.exp(-RANKS / 5),
        np.linspace(1.0, 2.0, 1000),
        RANKS**-0.8,
        1.0 / RANKS,
        np.exp(np.random.default_rng(0).standard_normal(1000)),
        np.linalg.eigvalsh(np.cov(np.random.default_rng(0).standard_normal((500, 1200)))),
    ],
    ids=["slow", "fast", "flat", "too slow a law", "the border", "lognormal", "noise"],
)
def test_what_is_no_power_law_is_refused(spectrum):
    with pytest.raises(pen.FeaturesError, match="no stable power law"):
        pen.scaling_law(spectrum)


def test_a_law_that_breaks_is_reported_up_to_where_it_breaks():
    law = pen.scaling_law(np.where(RANKS < 200, RANKS**-1.2, 200**0.8 * RANKS**-2.0))
    assert law.exponent == pytest.approx(1.2, rel=0.05) and law.first == 1 and 200 <= law.last <= 350


def test_its_power_law_gives_the_ridge_law_of_the_list():
    spectrum = 3.0 * RANKS**-2.0
    law = pen.scaling_law(spectrum)
    closed, listed = RidgeLaw(law.spectrum, 100, 0.01), RidgeLaw(spectrum, 100, 0.01)
    assert closed.kappa == pytest.approx(listed.kappa, rel=0.01)
    assert closed.bias() == pytest.approx(listed.bias(np.ones(1000)), rel=0.05)  # the list ends


def test_the_verdict_says_the_exponents_and_the_ranks():
    assert pen.scaling_law(RANKS**-2.0).verdict == (
        "Eigenvalues fall like rank^−2.00 from rank 1 to 1000 (2.00 to 2.00 within it). In that range doubling the "
        "width divides the error of few features by 2.00, and doubling the samples of one pass that of few samples by "
        "1.41."
    )


@pytest.mark.parametrize(
    ("spectrum", "samples", "error", "message"),
    [
        (RANKS[:20] ** -2.0, None, pen.FeaturesError, "20 eigenvalues are too few"),
        (RANKS**-2.0, 1900, pen.FeaturesError, "of 1900 samples are too few"),
        (RANKS**-2.0, 0, pen.ProblemError, "number of samples"),
        (np.array([1.0, np.nan]), None, pen.ProblemError, "finite"),
        (-RANKS, None, pen.ProblemError, "zero or above"),
        (np.zeros(50), None, pen.ProblemError, "not all zero"),
        (np.eye(50), None, pen.ProblemError, "shape"),
    ],
)
def test_what_tells_nothing_is_refused(spectrum, samples, error, message):
    with pytest.raises(error, match=message):
        pen.scaling_law(spectrum, samples)
