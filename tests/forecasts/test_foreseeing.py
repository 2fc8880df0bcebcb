"""The end of a run from its start: exact on the law itself, always inside its box, careful with what it cannot say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import nnls

import penultimate as pen
from penultimate.forecasts.foreseeing import _rates, foresee
from seeds import SEED
from studies.foreseeing import constrained, score, trained

SIGMA = np.array([6.0, 3.0, 1.0])


def law(p, q, start, times, sigma=SIGMA):
    """``dt/dτ = p (σ − t) − q t`` by an integrator."""
    run = solve_ivp(lambda _, t: p * (sigma - t) - q * t, (0, times[-1]), start, t_eval=times, rtol=1e-11, atol=1e-12)
    return run.y.T


@pytest.mark.parametrize("looks", [6, 20, 100])
@settings(max_examples=8, deadline=None)
@given(p=st.floats(1e-4, 0.05), q=st.floats(0, 0.05), start=st.floats(0, 0.05))
def test_is_exact_on_the_law_itself_where_strengths_rise(looks, p, q, start):
    times = np.append(np.arange(looks) * 3.0, 900.0)
    run = law(p, q, start * SIGMA * p / (p + q), times)
    found = foresee(times[:-1].astype(int), run[:-1], SIGMA, 900)
    np.testing.assert_allclose(found.strength, run[-1], rtol=1e-7, atol=1e-8)


def test_a_falling_strength_is_given_as_it_stands():
    """A forecast below the present level is mostly noise: the answer is the larger of the two, the verdict is not."""
    times = np.arange(30) * 10.0
    run = law(0.0, 0.01, 0.5 * SIGMA, np.append(times, 2000.0))
    found = foresee(times.astype(int), run[:-1], SIGMA, 2000)
    np.testing.assert_allclose(found.strength, run[-4:-1].mean(axis=0), rtol=1e-12)
    assert (found.low < 1e-3).all() and found.verdict == ("dead",) * 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 40), st.floats(1e-6, 1e3))
def test_stays_inside_its_box_whatever_was_measured(seed, looks, scale):
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(1, 50, size=looks))
    strength = scale * rng.normal(size=(looks, 3)) * SIGMA
    found = foresee(steps, strength, SIGMA, int(steps[-1] * rng.uniform(1, 30)) + 1)
    assert (found.strength >= 0).all() and (found.strength <= SIGMA).all()
    if found.low is not None:
        assert (found.low <= found.strength).all() and (found.strength <= found.high).all()
        assert (found.low >= 0).all() and (found.high <= SIGMA).all()


def test_rates_are_those_of_non_negative_least_squares():
    rng = np.random.default_rng(SEED)
    slope, above, below = rng.normal(size=(3, 12, 40))
    weight = rng.uniform(0.1, 1, size=12)
    p, q = _rates(slope, above, below, weight)
    root = np.sqrt(weight)
    for i in range(40):
        wanted = nnls(root[:, None] * np.stack([above[:, i], -below[:, i]], axis=1), root * slope[:, i])[0]
        np.testing.assert_allclose([p[i], q[i]], wanted, atol=1e-10)


def test_the_scale_of_strengths_and_steps_does_not_matter():
    rng = np.random.default_rng(SEED)
    steps, strength = np.arange(20), np.sort(rng.uniform(0, 0.5, size=(20, 3)), axis=0) * SIGMA
    plain = foresee(steps, strength, SIGMA, 100)
    other = foresee(7 * steps, 5 * strength, 5 * SIGMA, 700)
    np.testing.assert_allclose(other.strength, 5 * plain.strength, rtol=1e-9)
    assert other.verdict == plain.verdict


def test_no_interval_before_a_tenth_of_the_run():
    steps, strength = np.arange(10), np.linspace(0, 0.3, 10)[:, None] * SIGMA
    early, later = (foresee(steps, strength, SIGMA, until) for until in (100, 60))
    assert early.low is None and early.high is None and early.prefix == 0.09
    assert later.low is not None and (later.low < later.high).all()


def test_without_a_box_the_last_value_is_given_and_called_so():
    steps, strength = np.arange(10), np.column_stack([np.linspace(0, 9, 10), np.full(10, 0.1)])
    found = foresee(steps, strength, None, 50)
    assert found.by == "last value" and found.strength.tolist() == [8.0, pytest.approx(0.1)] and found.low is None
    assert found.verdict == ("alive", "dead")
    assert foresee(steps, strength, None, 500).verdict == ("cannot say", "cannot say")


FLAT = np.ones((8, 3))
BAD = {
    "too short": (np.arange(5), FLAT[:5], 100, "from 5 looks: take 6"),
    "NaN": (np.arange(8), np.where(np.eye(8, 3) > 0, np.nan, FLAT), 100, "diverged"),
    "an end before the last look": (np.arange(8), FLAT, 6, "until=6 lies before the last look, at step 7"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_foreseen_is_one_clear_error(case):
    steps, strength, until, message = BAD[case]
    with pytest.raises(pen.FeaturesError, match=message):
        foresee(steps, strength, SIGMA, until)


def followed(loss="mse", looks=12):
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, loss=loss, feature_ratio=1)
    trajectory, sigma = pen.torch.Trajectory(forecast), forecast.solution.sigma
    for step in range(0, 10 * looks, 10):
        shares = 0.9 * (1 - np.exp(-step / np.array([30.0, 200.0])))
        trajectory.add(step, {f"direction/{i + 1}": shares[i] * sigma[i] for i in range(2)})
    return trajectory


def drawn(chart):
    """All rows of a chart's data, wherever they are kept."""
    inline = [row for layer in chart["layer"] for row in layer["data"].get("values", [])]
    return [*inline, *(row for data in chart.get("datasets", {}).values() for row in data)]


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_plot_shows_what_is_coming(loss):
    trajectory = followed(loss)
    chart = trajectory.plot(until=600).to_dict()
    said = " ".join(chart["title"]["subtitle"])
    assert "At 18 % of the run, alive 1–2" in said and ("last value" in said) == (loss == "ce")
    ends = [row["share"] for row in drawn(chart) if row.get("step") == 600]
    unit = trajectory.forecast.solution.sigma if loss == "mse" else np.ones(2)
    assert np.isclose(ends, (trajectory.foresee(600).strength / unit)[0]).any()
    assert max(row.get("step", 0) for row in drawn(trajectory.plot().to_dict())) == 110


def test_the_plot_with_a_timeline_goes_to_the_end_too():
    assert followed().plot(lr=0.1, until=600).to_dict()


def test_a_restarted_run_is_another_trajectory():
    trajectory = followed()
    with pytest.raises(pen.FeaturesError, match="does not come after"):
        trajectory.add(0, {"direction/1": 1.0, "direction/2": 0.0})


def test_a_real_run_is_foreseen_no_worse_than_by_its_last_value():
    """One small network; what it happens to give is only held against the same run's own last values."""
    run = trained("mixture", "one", "warm-up", 3e-3, 30, SEED + 7)
    for prefix in (0.2, 0.4):
        found = score([run], prefix)
        assert found.error[0] <= found.last_error[0] + 0.05 and found.ours >= found.last - 0.12


@pytest.mark.parametrize("length", [40, 160])
def test_constrained_dynamics_err_by_the_trace_of_the_inverse_information(length):
    found, formula, free = constrained(length, 200, SEED)
    assert 0.85 < found / formula < 1.2 and free > 10 * found


@pytest.mark.parametrize("until", [float("nan"), "the end", 20.5])
def test_an_end_that_is_no_step_is_refused(until):
    with pytest.raises(pen.ProblemError, match="until must be"):
        foresee(np.arange(8), np.full((8, 1), 0.01), np.ones(1), until)
