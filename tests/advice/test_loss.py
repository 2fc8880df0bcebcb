"""Inverse design against dense grids over the strength, solved by other means; thirds, goals, coarser counts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from convex_oracles import DenseProblem
from penultimate.advice import loss as loss_advice
from penultimate.advice.coarsening import coarsened
from penultimate.advice.design import Target, design, solve_point
from penultimate.advice.families import SOFTMAX, SQUARED, families_of
from penultimate.advice.figures import Figures, thirds
from penultimate.advice.goals import Goal
from penultimate.advice.loss import advise_loss
from penultimate.advice.status import Reason, Status

SIX = pen.ClassCounts([400, 200, 90, 40, 20, 10])
BY_NAME = {family.pattern.split(":")[0]: family for family in SOFTMAX}


def dense_margins(logits, bias):
    """Head and tail margins of six classes, largest first: two to a third."""
    z = logits + bias[:, None]
    others = np.where(np.eye(len(z), dtype=bool), -np.inf, z).max(axis=0)
    margins = np.diag(z) - others
    return margins[:2].mean(), margins[-2:].mean()


@pytest.fixture(scope="module")
def target():
    plain = Figures.from_forecast(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0))
    balanced = Figures.from_forecast(
        pen.forecast(pen.ClassCounts([SIX.samples / 6] * 6), 2e-2, loss="ce", feature_ratio=1.0)
    )
    return Target(Goal.MARGINS, plain, balanced)


def test_logit_adjustment_is_the_first_of_a_dense_grid_over_tau(target):
    """Its offsets move a free bias alone, so one plain solution tells the margins of every τ, without a solver."""
    plain = pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0).geometry
    logits, log_shares = plain.logits.dense(), np.log(SIX.values / SIX.samples)
    grid = np.arange(0.0, 2.0, 1e-4)
    pairs = np.array([dense_margins(logits, plain.bias - tau * log_shares) for tau in grid])
    first = grid[np.flatnonzero(pairs[:, 0] <= pairs[:, 1])[0]]
    option = design(SIX, pen.Problem.from_decays(2e-2, loss="ce"), BY_NAME["la"], target)
    assert option.met and option.loss == f"la:{option.point.strength:g}"
    assert option.point.strength == pytest.approx(first, rel=2e-3)
    head, tail = pairs[round(option.point.strength * 1e4)]
    assert (option.point.figures.many_margin, option.point.figures.few_margin) == pytest.approx((head, tail), abs=5e-3)


@pytest.mark.parametrize("name", ["weighted", "ldam", "cdt"])
def test_other_families_against_an_interior_point_method(target, name):
    """Nothing is missing where the search ends, and something at every smaller strength of a grid."""
    problem = pen.Problem.from_decays(2e-2, loss="ce")
    option = design(SIX, problem, BY_NAME[name], target)
    assert option.met and option.point.relative_gap < 1e-8
    for part in (0.0, 0.3, 0.6, 0.9, 1.0):
        member = pen.losses.resolve(BY_NAME[name].loss(part * option.point.strength), SIX)
        _, a, b = DenseProblem(SIX.values, member, problem.kappa(SIX.samples), "free").cvxpy_point()
        # Of the biases that a softmax cannot tell apart the smallest, as a bias that began at zero.
        unseen = 1.0 / member.vectors.get("scales", np.ones(6))
        head, tail = dense_margins(a / np.sqrt(SIX.values), b - unseen * (unseen @ b) / (unseen @ unseen))
        if part == 1.0:
            assert head - tail == pytest.approx(0.0, abs=0.02)
        else:
            assert head - tail > 0.02


def test_what_it_costs_the_head(target):
    """Margin over the nuclear norm of W H̄ D, from dense matrices."""
    for name in ("ce", "weighted:power:0.5"):
        forecast = pen.forecast(SIX, 2e-2, loss=name, feature_ratio=1.0)
        logits = forecast.geometry.logits.dense()
        nuclear = np.linalg.norm(logits * np.sqrt(SIX.values), "nuc")
        ratio = dense_margins(logits, forecast.geometry.bias)[0] / nuclear
        if name == "ce":
            plain = ratio
        figures = Figures.from_forecast(forecast)
        assert figures.strength == pytest.approx(nuclear, rel=1e-6)
        assert target.many_cost(figures) == pytest.approx(1 - ratio / plain, abs=1e-6)


def test_the_cheapest_of_those_that_fulfil_the_wish_is_advised():
    now = pen.forecast(SIX, 2e-2, loss="weighted:inverse", feature_ratio=1.0)
    assert now.over_corrects
    advice = advise_loss(now, Goal.MARGINS)
    assert not advice.after.over_corrects
    met = [option for option in advice.options if option.met]
    assert advice.status is Status.CHANGE and advice.chosen == met[0].loss
    assert met[0].many_cost == min(option.many_cost for option in met)
    assert advice.options[: len(met)] == tuple(met)
    assert advice.target.missing(advice.target.plain) > 0.05 * advice.target.plain.many_margin
    assert advice.missing[1] <= 0.0 < 1e-8 - advice.after.solution.certificate.relative_gap
    again = pen.forecast(SIX, 2e-2, loss=advice.chosen, feature_ratio=1.0)
    assert Figures.from_forecast(again) == Figures.from_forecast(advice.after)


def test_balanced_margins_and_angles(monkeypatch):
    monkeypatch.setattr(loss_advice, "families_of", lambda *_: ("ce", (BY_NAME["ldam"],)))
    even = pen.forecast(pen.ClassCounts([SIX.samples / 6] * 6), 2e-2, loss="ce", feature_ratio=1.0).geometry.margins[0]
    balanced = advise_loss(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0), Goal.BALANCED)
    assert Figures.from_forecast(balanced.after).few_margin == pytest.approx(even, rel=0.01)
    monkeypatch.setattr(loss_advice, "families_of", lambda *_: ("ce", (BY_NAME["la"],)))
    angles = advise_loss(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0), Goal.ANGLES)
    assert angles.status is Status.OUT_OF_REACH and angles.chosen is None
    assert angles.options[0].point.strength == 0.0, "logit adjustment leaves the angles alone: none is as good as any"


def test_equal_counts_leave_nothing_to_wish():
    advice = advise_loss(pen.forecast(pen.ClassCounts([50] * 5), 1e-2, loss="ce", feature_ratio=1.0), Goal.MARGINS)
    assert (advice.status, advice.options) == (Status.KEEP, ())


def test_where_the_plain_loss_is_near_enough_it_is_advised():
    now = pen.forecast(pen.ClassCounts([11, 10, 10]), 1e-3, loss="la:20", feature_ratio=1.0)
    assert now.over_corrects
    advice = advise_loss(now, Goal.MARGINS)
    assert (advice.status, advice.chosen, advice.options) == (Status.CHANGE, "ce", ())


def test_squared_error_stays_with_squared_error():
    assert families_of("mse:inverse", SIX) == ("mse", SQUARED)
    assert families_of("smooth:0.1", SIX) == ("ce", SOFTMAX)
    advice = advise_loss(pen.forecast(SIX, 2e-2, feature_ratio=1.0), Goal.MARGINS)
    assert advice.chosen.startswith("mse:power:") and advice.after.solution.converged


def test_where_directions_are_dead_weights_bring_them_back_and_temperatures_do_not(monkeypatch):
    monkeypatch.setattr(loss_advice, "families_of", lambda *_: ("ce", (BY_NAME["cdt"], BY_NAME["weighted"])))
    advice = advise_loss(pen.forecast(SIX, 0.2, loss="ce", feature_ratio=1.0), Goal.MARGINS)
    assert advice.before.survivors < 5
    assert advice.chosen.startswith("weighted:power:") and advice.after.survivors == 5
    assert [option.met for option in advice.options] == [True, False]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"layers": 2, "weight_decay": 1e-3}, Reason.SEVERAL_LAYERS),
        ({"width": 3, "weight_decay": 1e-3}, Reason.WIDTH),
        ({"weight_decay": 30.0}, Reason.COLLAPSED),
    ],
)
def test_what_cannot_be_searched_says_why(options, reason):
    advice = advise_loss(pen.forecast(SIX, **options), Goal.MARGINS)
    assert (advice.status, advice.reason, advice.options) == (Status.UNKNOWN, reason, ())


def test_too_many_distinct_counts(monkeypatch):
    monkeypatch.setattr(loss_advice, "_MOST", 5)
    assert advise_loss(pen.forecast(SIX, feature_ratio=1.0), Goal.MARGINS).reason is Reason.MANY_COUNTS


def test_a_coarse_search_is_held_against_the_counts_as_they_are(monkeypatch):
    counts = pen.ClassCounts.long_tailed(60, 5000, 100)
    exact = advise_loss(pen.forecast(counts, 5e-3, feature_ratio=1.0), Goal.MARGINS)
    assert exact.searched == 60
    monkeypatch.setattr(loss_advice, "_EXACT", 50)
    monkeypatch.setattr(loss_advice, "_COARSE", 20)
    coarse = advise_loss(pen.forecast(counts, 5e-3, feature_ratio=1.0), Goal.MARGINS)
    assert (coarse.searched, coarse.status) == (20, Status.CHANGE)
    assert coarse.after.counts == counts and coarse.after.counts.distinct.size == 60
    assert coarse.missing[1] < 0.05 < coarse.missing[0]
    assert coarse.options[0].point.strength == pytest.approx(exact.options[0].point.strength, rel=0.05)
    monkeypatch.setattr(loss_advice, "design", lambda *given: replace(design(*given), loss="mse:power:0.01"))
    misled = advise_loss(pen.forecast(counts, 5e-3, feature_ratio=1.0), Goal.MARGINS)
    assert (misled.status, misled.reason, misled.after) == (Status.UNKNOWN, Reason.NOT_HELD, None)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.integers(1, 12))
def test_coarser_counts_keep_classes_and_samples(values, groups):
    counts = pen.ClassCounts([*values, 7, 0])
    coarse = coarsened(counts, groups)
    assert coarse.distinct.size <= max(groups, 1)
    assert coarse.samples == pytest.approx(counts.samples, rel=1e-12)
    assert coarse.seen == counts.seen and coarse.names == counts.names
    order = np.argsort(counts.values, kind="stable")
    assert np.all(np.diff(coarse.values[order]) >= -1e-9 * coarse.largest), "no class overtakes another"


@given(st.lists(st.integers(1, 9), min_size=2, max_size=30), st.randoms())
def test_thirds_are_those_of_the_sorted_classes(values, random):
    counts = pen.ClassCounts(values)
    figure = np.array([random.random() for _ in counts.distinct])
    by_class = np.sort(np.array(values))[::-1]
    each = figure[np.searchsorted(-counts.distinct, -by_class)]
    size = max(1, len(values) // 3)
    head, tail = thirds(counts)
    assert head @ figure == pytest.approx(each[:size].mean())
    assert tail @ figure == pytest.approx(each[-size:].mean())


@given(st.permutations([400, 200, 90, 40, 20, 10]))
@settings(max_examples=4)
def test_the_order_of_classes_does_not_matter(values):
    problem = pen.Problem.from_decays(2e-2, loss="ce")
    one, other = (solve_point(pen.ClassCounts(v), problem, 0.0).figures for v in (values, [400, 200, 90, 40, 20, 10]))
    assert one.few_margin == pytest.approx(other.few_margin) and one.survivors == other.survivors


def test_more_weight_on_the_tail_never_lowers_its_margin():
    problem = pen.Problem.from_decays(2e-2, loss="ce")
    option = design(SIX, problem, BY_NAME["weighted"], Target(Goal.MARGINS, *(_plain(),) * 2))
    tail = [point.figures.few_margin for point in option.curve]
    assert np.all(np.diff(tail) > 0)
    assert option.curve[0].figures.few_margin == pytest.approx(_plain().few_margin, rel=1e-4)


def _plain():
    return Figures.from_forecast(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0))


def test_an_unknown_wish_lists_the_known_ones():
    with pytest.raises(pen.ProblemError, match="margins, angles, balanced"):
        Goal.from_name("everything")
    assert Goal.from_name("Balanced") is Goal.BALANCED
