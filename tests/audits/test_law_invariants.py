"""What every calibrated forecast keeps, whatever was audited: its ends in order, weight decays, shares of classes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.audits.calibration import Calibration
from penultimate.audits.law_reading import Run

DECAYS = np.geomspace(1e-7, 1e1, 17)
shares = st.floats(0.0, 0.999)


@st.composite
def calibrations(draw):
    """One run or two of the same counts, of any strengths, agreement and budget."""
    values = draw(st.lists(st.integers(1, 5000), min_size=4, max_size=9, unique=True))
    counts = pen.ClassCounts([float(value) for value in values])
    svd = pen.LabelSpectrum(counts)
    layers = draw(st.integers(1, 2))

    def run(decay):
        def column(values):
            return np.array([draw(values) for _ in svd.sigma])

        strength = svd.sigma * column(shares)
        pull = svd.sigma - strength
        columns = (
            strength,
            column(st.floats(0.3, 1.0)),
            pull,
            pull * column(shares),
            pull * column(st.floats(-1.0, 1.0)),
        )
        sigma, several = tuple(svd.sigma.tolist()), tuple(map(float, svd.multiplicity))
        return Run(decay, layers, counts.samples, sigma, several, *(tuple(one.tolist()) for one in columns))

    first, *second = (
        Calibration((decay,) * layers, counts.samples, "free", "mse", 1e-7, None, 0, (run(decay),))
        for decay in draw(st.sampled_from([(1e-3,), (1e-3, 1e-2), (1e-2, 1e-4)]))
    )
    known = first.law is not None and all(one.law is not None for one in second)
    return counts, first.joined(second[0]) if known and second else first


def per_direction(forecast):
    return np.repeat(forecast.solution.strength, forecast.solution.multiplicity)


@settings(max_examples=30)
@given(calibrations())
def test_the_point_lies_within_its_interval_and_fates_are_those_of_both_ends(told):
    counts, calibration = told
    for decay in DECAYS:
        found = calibration.forecast(counts, (decay,))
        if found.band is None:
            return
        best, worst = found.band
        assert worst.survivors <= found.survivors <= best.survivors
        low, high = found.strength_interval.T
        strength = found.solution.strength
        assert (low <= strength * (1 + 1e-9) + 1e-12).all() and (strength <= high * (1 + 1e-9) + 1e-12).all()
        low, high = found.critical_interval.T
        critical = found.critical_weight_decay
        assert (low <= critical * (1 + 1e-9)).all() and (critical <= high * (1 + 1e-9)).all()
        alive = found.solution.surviving > 0
        assert not (alive & (found.fate == "dies")).any() and not (~alive & (found.fate == "survives")).any()
        assert ((decay < critical) == alive)[abs(critical / decay - 1.0) > 1e-9].all()


@settings(max_examples=30)
@given(calibrations())
def test_more_weight_decay_leaves_no_direction_stronger(told):
    counts, calibration = told
    found = [calibration.forecast(counts, (decay,)) for decay in DECAYS]
    strengths = np.array([per_direction(each) for each in found])
    assert (np.diff(strengths, axis=0) <= 1e-9 * (1 + strengths[:-1])).all()
    # Strengths of an end may rise towards the audited weight decay, where more is known; what lives may not.
    for one in (found, *zip(*(each.band for each in found if each.band is not None), strict=True)):
        assert (np.diff([each.survivors for each in one]) <= 0).all()


@settings(max_examples=30)
@given(calibrations(), st.integers(2, 50), st.sampled_from(DECAYS.tolist()))
def test_shares_stay_when_all_counts_are_multiplied(told, times, decay):
    counts, calibration = told
    one, other = (calibration.forecast(of, (decay,)) for of in (counts, pen.ClassCounts(counts.values * times)))
    np.testing.assert_allclose(
        other.solution.strength / other.solution.sigma, one.solution.strength / one.solution.sigma, rtol=1e-6, atol=1e-9
    )
    assert other.status.tolist() == one.status.tolist() and other.fate.tolist() == one.fate.tolist()
    assert other.doubts and not one.doubts
