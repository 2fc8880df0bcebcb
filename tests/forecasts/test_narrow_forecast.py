"""More classes than dimensions: the estimate against descent, its bound, and what it refuses."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import penultimate as pen
from command import run
from penultimate.forecasts.narrow_forecast import flattest_spectrum
from penultimate.forecasts.sphere_law import sphere_margins_of
from penultimate.minimisers.solution import Outcome
from studies.dimensions import descend

ZIPF = pen.ClassCounts.long_tailed(60, 20_000, 60, "zipf")
EQUAL = pen.ClassCounts([50] * 40)


def off(measured, said):
    return np.linalg.norm(measured - said) / np.linalg.norm(measured)


@pytest.mark.parametrize(
    ("counts", "width", "decay", "bias", "rows"),
    [(ZIPF, 24, 3e-3, "free", 0.06), (ZIPF, 16, 1e-2, "none", 0.08), (EQUAL, 20, 1e-3, "free", 0.03)],
)
def test_free_features_are_those_of_descent(counts, width, decay, bias, rows):
    forecast = pen.forecast(counts, decay, loss="ce", width=width, features="free", bias=bias)
    found = descend(counts.values / counts.samples, width, decay, free_bias=bias == "free", starts=2, steps=250)
    assert forecast.outcome is Outcome.ESTIMATED
    assert forecast.lower_bound <= found.objective
    assert off(np.linalg.norm(found.head, axis=1), forecast.head_norms) < rows
    assert off(np.linalg.norm(found.means, axis=1), forecast.mean_norms) < rows
    assert off(np.linalg.svd(found.head, compute_uv=False), forecast.singular_values) < 0.12
    assert np.all(forecast.head_norms >= forecast.full_width.geometry.head_norms)


@pytest.mark.parametrize(("bias", "shape"), [("free", 0.04), ("none", 0.04)])
def test_features_of_one_length_have_rows_of_the_shape_of_descent(bias, shape):
    forecast = pen.forecast(ZIPF, 1e-4, loss="ce", width=24, features="sphere", radius=6, bias=bias)
    shares = ZIPF.values / ZIPF.samples
    found = descend(shares, 24, 1e-4, radius=6.0, free_bias=bias == "free", starts=1, steps=300)
    rows, said = np.linalg.norm(found.head, axis=1), forecast.head_norms
    assert off(rows, said * (rows @ said) / (said @ said)) < shape
    assert off(rows, said) < 0.14 and np.all(forecast.mean_norms == 6.0)
    assert forecast.lower_bound <= found.objective
    gain = -shares @ np.log(shares) - found.objective
    assert found.objective - forecast.lower_bound < 0.05 * gain


def test_at_equal_counts_a_sphere_of_the_length_that_free_features_have_is_the_same():
    free = pen.forecast(EQUAL, 1e-3, loss="ce", width=30, features="free")
    sphere = pen.forecast(
        EQUAL, 1e-3, loss="ce", width=30, features="sphere", radius=float(free.full_width.geometry.mean_norms[0])
    )
    assert sphere.lower_bound == pytest.approx(
        free.lower_bound - 1e-3 * sphere.radius**2 / 2, rel=0.02
    )  # the same problem but for the decay of features, which is then a constant
    assert sphere.margins[0] == pytest.approx(free.full_width.geometry.head_norms[0] * sphere.radius, rel=0.03)


@given(
    st.lists(st.floats(1.0, 1e6), min_size=3, max_size=12),
    st.floats(1e-2, 1e10),
    st.booleans(),
)
@settings(max_examples=40)
def test_the_law_of_the_sphere_solves_its_equations(counts, room, free):
    values = np.sort(np.unique(counts))[::-1]
    sizes = np.full(values.size, 50)
    shares = values / (sizes @ values)
    z = sphere_margins_of(shares, sizes, room, free_bias=free)
    assert np.all(z >= 0.0) and np.all(np.diff(z) <= 1e-9 * z.max(initial=1.0))
    miss = z / (shares * room)
    if not free:
        beta = 1.0 / sizes.sum()
        np.testing.assert_allclose(miss, (1 - beta) / (1 - beta + beta * np.exp(z)), rtol=1e-9)
    elif shares.max() < 0.005 and z.min() > 1e-3:
        odds = (1.0 / np.minimum(miss, 1 - 1e-12) - 1.0) / np.exp(z)  # β/(1 − β)
        assert sizes @ (odds / (1.0 + odds)) == pytest.approx(1.0, rel=2e-2)


@given(st.lists(st.floats(0.01, 10.0), min_size=4, max_size=9), st.integers(2, 4))
@settings(max_examples=30)
def test_the_flattest_spectrum_is_majorised_by_no_flatter_one(norms, dimension):
    squares = np.sort(np.array(norms) ** 2)[::-1]
    found = flattest_spectrum(np.array(norms), np.ones(len(norms), dtype=int), dimension) ** 2
    assert np.all(np.diff(found) <= 1e-9 * found[0]) and found.sum() == pytest.approx(squares.sum())
    # The least largest value, by linear programming: s_1 ≥ s_2 ≥ …, partial sums at least those of the squares.
    below = np.tril(np.ones((dimension, dimension)))
    ordered = np.eye(dimension, k=1)[:-1] - np.eye(dimension)[:-1]
    solved = linprog(
        np.eye(dimension)[0],
        A_ub=np.vstack([-below, ordered]),
        b_ub=np.append(-np.cumsum(squares)[:dimension], np.zeros(dimension - 1)),
        A_eq=np.ones((1, dimension)),
        b_eq=[squares.sum()],
    )
    assert found[0] == pytest.approx(solved.fun, rel=1e-6)
    assert np.all(np.cumsum(found) >= np.cumsum(squares)[:dimension] * (1 - 1e-9))


@pytest.mark.parametrize(("width", "decay"), [(4, 1e-3), (24, 0.3)])
def test_where_the_law_breaks_down_only_the_bound_is_said(width, decay):
    forecast = pen.forecast(ZIPF, decay, loss="ce", width=width, features="free")
    assert forecast.outcome is Outcome.BOUNDED and forecast.charts == ()
    record = forecast.to_dict()
    assert record["solution"]["status"] == "bounded" and record["solution"]["lower_bound"] > 0.0
    assert {row["head_norm"] for row in record["classes"]} == {None}
    assert "that is proven." in forecast.verdict
    assert ("no estimate holds" if decay > 0.1 else "too much for any estimate") in forecast.verdict
    assert forecast.margin.share > 2 / 3 or forecast.margin.near_death > 0.05


@pytest.mark.parametrize("bias", ["free", "none"])
@pytest.mark.parametrize("radius", [1e-9, 1e-6, 1e-3])
def test_features_so_short_that_every_class_is_near_death_have_a_bound_alone(bias, radius):
    forecast = pen.forecast(ZIPF, 1e-4, loss="ce", width=24, features="sphere", radius=radius, bias=bias)
    assert forecast.outcome is Outcome.BOUNDED and forecast.margin.near_death == 1.0
    assert "100 % of the classes are near death" in forecast.verdict


def test_classes_without_samples_have_no_figures_and_are_named():
    counts = pen.ClassCounts(np.append(ZIPF.values, [0, 0, 0]))
    forecast = pen.forecast(counts, 3e-3, loss="ce", width=24, features="free")
    assert np.isnan(forecast.head_norms[-3:]).all() and "3 classes without samples" in forecast.verdict
    assert forecast.to_dict("all")["classes"][-1]["head_norm"] is None


def test_a_radius_is_that_of_a_normalisation_unless_it_is_given():
    assert pen.forecast(ZIPF, 1e-4, loss="ce", width=25, features="sphere").radius == 5.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"features": "free"}, "give the width"),
        ({"features": "round", "width": 8}, "'free' or 'sphere'"),
        ({"features": "free", "width": 1}, "at least 2"),
        ({"features": "free", "width": 59}, "a width of 59 has room for all 59 directions of the 60 classes"),
        ({"features": "free", "width": 8, "loss": "mse"}, "the loss is 'mse'"),
        ({"features": "free", "width": 8, "loss": "smooth:0.1"}, "the loss is 'smooth:0.1'"),
        ({"features": "free", "width": 8, "layers": 2}, "one layer, not 2"),
        ({"features": "free", "width": 8, "radius": 2.0}, "features='sphere'"),
        ({"radius": 2.0, "width": 8}, "features='sphere'"),
        ({"features": "free", "width": 8, "like": "cnn"}, "fewer classes than dimensions"),
        ({"features": "sphere", "width": 8, "feature_ratio": 2.0}, "no decay"),
        ({"features": "sphere", "width": 8, "bias": 0.1}, "free bias or none"),
        ({"features": "sphere", "width": 8, "radius": -1.0}, "radius must be positive"),
    ],
)
def test_what_no_estimate_is_known_of_is_one_error(options, says):
    with pytest.raises(pen.ProblemError, match=says):
        pen.forecast(ZIPF, 1e-3, **{"loss": "ce", **options})


def test_label_sets_are_refused():
    with pytest.raises(pen.ProblemError, match="one label a sample"):
        pen.forecast(pen.LabelScatter.from_labels([["a", "b"]] * 9 + [["a"]] * 3), loss="ce", width=2, features="free")


def test_the_command_says_the_same(monkeypatch, capsys, tmp_path):
    np.save(tmp_path / "counts.npy", ZIPF.values)
    asked = ("forecast", tmp_path / "counts.npy", "--holds", "counts", "--weight-decay", "1e-4", "--loss", "ce")
    code, out, _ = run(monkeypatch, capsys, *asked, "--width", 25, "--features", "sphere", "--json", "-")
    assert code == 0
    assert json.loads(out) == pen.forecast(ZIPF.values, 1e-4, loss="ce", width=25, features="sphere").to_dict()
    for options, says in (
        (("--width", 25, "--radius", 2), "--features sphere"),
        (("--width", 25, "--features", "free", "--like", "cnn"), "--feature-ratio instead"),
        (("--width", 25, "--features", "sphere", "--feature-ratio", 2), "one length, and no decay"),
        (("--width", 60, "--features", "free"), "room for all 59 directions"),
        (("--width", 25, "--features", "free", "--layers", 2), "one layer, not 2"),
    ):
        code, out, err = run(monkeypatch, capsys, *asked, *options)
        assert (code, out) == (2, "") and says in err and "Ctrl-C" not in err


def test_what_takes_long_is_said_before_it_is_estimated(penultimate, monkeypatch, tmp_path):
    np.save(tmp_path / "counts.npy", ZIPF.values)
    monkeypatch.setattr("penultimate.cli.costs._SECONDS", 0.0)
    asked = ("--holds", "counts", "--loss", "ce", "--width", 25, "--features", "free", "--json", "-")
    status, out, err = penultimate("forecast", tmp_path / "counts.npy", *asked)
    assert status == 0 and json.loads(out) and "60 classes of" in err and err.endswith("Ctrl-C ends it\n")


def test_more_classes_than_are_searched_are_told_of_the_estimate():
    counts = pen.ClassCounts(np.repeat([900, 100, 10], 1000))
    with pytest.raises(pen.ProblemError, match="--features"):
        pen.forecast(counts, 1e-4, loss="ce", width=64, feature_ratio=1)
    assert pen.forecast(counts, 1e-4, loss="ce", width=64, features="free").outcome is Outcome.ESTIMATED


def test_the_page_says_once_how_it_was_computed_and_hides_no_hostile_name(tmp_path):
    names = ["<script>alert(1)</script>", *(f"w{k}" for k in range(59))]
    counts = pen.ClassCounts(dict(zip(names, ZIPF.values[::-1], strict=True)))
    pen.forecast(counts, 3e-3, loss="ce", width=24, features="free").report(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert text.count("How this was computed") == 1 and "theory §11" in text
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_equal_counts_have_one_length_and_no_most_frequent_class():
    forecast = pen.forecast(EQUAL, 1e-3, loss="ce", width=30, features="sphere")
    assert np.isnan(forecast.slope) and forecast.to_dict()["solution"]["length_slope"] is None
    assert "most frequent" not in forecast.verdict and " to " not in forecast.verdict.split("expected to be")[1][:12]


@pytest.mark.parametrize(
    ("counts", "width", "decay", "hint"),
    [
        ([100, 40, 10, 5], 2, 1e-6, "Widen the features, or raise the weight decay"),
        ([100, 40, 10, 5], 2, 0.1, "Widen the features and lower the weight decay"),
        (np.geomspace(5000, 2, 300).round(), 64, 3e-2, "Lower the weight decay"),
    ],
)
def test_the_way_out_leads_out(counts, width, decay, hint):
    forecast = pen.forecast(pen.ClassCounts(counts), decay, loss="ce", width=width, features="free")
    assert not forecast.is_known and hint in forecast.verdict
    # What is advised of the decay makes the margin smaller, or fewer classes die.
    factor = 10.0 if "raise" in hint else 0.1
    other = pen.forecast(pen.ClassCounts(counts), decay * factor, loss="ce", width=width, features="free")
    if "raise" in hint:
        assert other.margin.margin < forecast.margin.margin
    else:
        assert other.margin.near_death < forecast.margin.near_death
