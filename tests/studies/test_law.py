"""The law's own arithmetic, on records made from the package's closed form, and on made-up sweeps."""

import json

import numpy as np
import pytest

import penultimate as pen
from studies import constancy, newcomers, sampling, sweep, text, timeline, zoo, zoo_data
from studies.law import Deaths, by_audits, by_norms, by_strengths, by_two, observed_death, score
from studies.series import PARTS, Group, Sweep, grouped
from studies.sweep_figures import figures

COUNTS = pen.ClassCounts.long_tailed(8, 900, 60)
FEATURE_DECAY = 3e-5
DECAYS = tuple(1e-3 * 2**step for step in range(11))


def ideal(decay: float, layers: int, seed: int = 0) -> dict:
    """What a run would leave whose last layers are a global minimiser."""
    solution = pen.minimise(COUNTS, pen.Problem.from_decays(decay, layers=layers, feature_decay=FEATURE_DECAY))
    return {
        "recipe": {"weight_decay": decay, "layers": layers, "seed": seed, "body": "mlp", "data": "fashion"},
        "collapsed": False,
        "samples": COUNTS.samples,
        "sigma": solution.sigma.tolist(),
        "strength": solution.strength.tolist(),
        "cosine": np.where(solution.strength > 0, 1.0, np.nan).tolist(),
        "calibration": {"feature_decay_by_norms": FEATURE_DECAY},
    }


def ideal_sweep(layers: int) -> Sweep:
    return Sweep([ideal(decay, layers) for decay in DECAYS])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_one_ideal_run_forecasts_all_others(layers):
    group = Group([ideal_sweep(layers)])
    found = group.score(layers)
    assert found.cases > 100 and found.right == 1.0 and found.worst < 1e-9
    assert group.score(layers, norms=True).right == 1.0


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_exponents_and_fitted_depth_are_those_of_the_model(layers):
    group = Group([ideal_sweep(layers)])
    a, b = group.exponents()
    assert a == pytest.approx(layers / (layers + 1), abs=1e-6)
    assert b == pytest.approx((layers - 1) / (layers + 1), abs=1e-6)
    assert group.sweeps[0].effective_layers == layers


def test_the_packages_law_of_an_ideal_run_has_its_strengths_and_deaths():
    """One layer without scatter: both runs are met; where the share of decay is unknown the growth is guessed."""
    one, other = ({**ideal(decay, 1), "decay": [None] * 7, "unsettled": [None] * 7} for decay in (1e-3, 4e-3))
    sigma = np.array(one["sigma"])
    law = by_audits(one)
    np.testing.assert_allclose(law.strength(1e-3, sigma), one["strength"], rtol=1e-6)
    np.testing.assert_allclose(by_audits(one, other).strength(4e-3, sigma), other["strength"], rtol=1e-6)
    low, high = law.interval(8e-3, sigma)
    assert np.all((low <= law.strength(8e-3, sigma)) & (law.strength(8e-3, sigma) <= high))
    at_death = [law.strength(decay, sigma)[i] for i, decay in enumerate(law.death(sigma) * (1 - 1e-9))]
    assert np.all(np.array(at_death) >= 0.1 * sigma * (1 - 1e-6))
    assert np.all(law.strength(1e9, sigma) == 0)
    assert by_audits({**one, "collapsed": True}) is None


def test_a_law_of_the_wrong_depth_is_found_wrong():
    assert Group([ideal_sweep(3)]).score(1).right < 0.9


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_deaths_are_where_the_package_puts_them(layers):
    """Strengths fall to a tenth where the closed form, solved again at that very decay, says so."""
    law = by_strengths(ideal(DECAYS[0], layers), layers)
    for i, decay in enumerate(law.death(np.array(ideal(1.0, layers)["sigma"]))):
        above, below = (ideal(decay * factor, layers) for factor in (1 - 1e-6, 1 + 1e-6))
        share = [record["strength"][i] / record["sigma"][i] for record in (above, below)]
        assert share[1] < 0.1 <= share[0]
    found = observed_death([ideal(decay, layers) for decay in np.geomspace(1e-3, 30, 400)])
    np.testing.assert_allclose(found, law.death(np.array(ideal(1.0, layers)["sigma"])), rtol=0.03)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_two_ideal_runs_show_how_the_threshold_grows(layers):
    law = by_two(ideal(2e-3, layers), ideal(8e-3, layers), layers)
    assert law.growth == pytest.approx(layers / (layers + 1))
    one = by_strengths(ideal(2e-3, layers), layers)
    np.testing.assert_allclose(law.death(np.array([9.0, 3.0])), one.death(np.array([9.0, 3.0])), rtol=1e-6)
    assert Group([ideal_sweep(layers)]).score_of_pairs(layers).right == 1.0


def test_deaths_outside_the_sweep_are_told_apart():
    record = {**ideal(1e-3, 1), "sigma": [10.0, 10.0, 10.0]}
    runs = [
        {**record, "recipe": {"weight_decay": d}, "strength": s} for d, s in ((1.0, [9, 0.5, 5]), (4.0, [8, 0.1, 0]))
    ]
    dies = observed_death(runs)
    assert np.isinf(dies[0]) and dies[1] == 0.0
    assert dies[2] == pytest.approx(4 ** ((5 - 1) / 5))  # share 0.5 → 0 crosses 0.1 at four fifths of the way


def test_collapsed_networks_count_as_dead_and_calibrate_nothing():
    alive, gone = ideal(1e-3, 1), {"collapsed": True, "recipe": {"weight_decay": 9.0, "layers": 1}, "samples": 1.0}
    gone["sigma"] = alive["sigma"]
    assert by_strengths(gone, 1) is None and by_norms(gone, 1) is None
    assert score([(by_strengths(alive, 1), gone)]).right == 1.0


_KEPT = ("recipe", "collapsed", "samples", "sigma", "recall", "test_recall", "seconds")


def untold(decay: float, *, collapsed: bool, seed: int = 0, layers: int = 1) -> dict:
    """What a run may leave that tells nothing: no direction learnt well, or zeros to the last bit."""
    record = ideal(decay, layers, seed)
    recalls = [0.0] * COUNTS.classes
    record |= {"collapsed": collapsed, "recall": recalls, "test_recall": recalls, "seconds": 0.0}
    if collapsed:
        return {name: record[name] for name in _KEPT}
    rank = len(record["sigma"])
    nothing = {name: [0.0] * rank for name in (*PARTS, "strength")}
    shares = dict.fromkeys(("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share"), 0.5)
    calibration = {"feature_decay_by_norms": FEATURE_DECAY, "feature_decay_by_strengths": None}
    record |= {**nothing, **shares, "cosine": [None] * rank, "calibration": calibration, "balance": []}
    return record | {"retained": recalls, "lift": recalls, "bias_error": 0.0}


@pytest.mark.parametrize("collapsed", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_studies_stand_where_no_run_can_be_calibrated(collapsed, layers):
    """Networks differ between processors: what none of them can be asked is a dash, not an error."""
    runs = [[untold(decay, collapsed=collapsed, seed=seed, layers=layers) for decay in DECAYS] for seed in (0, 1)]
    groups = grouped(runs)
    claims = [claim for group in groups for claim in [*sweep.law_claims(group), *sweep.factor_claims(group)]]
    assert {claim.verdict for claim in claims if np.isnan(claim.distance)} == {"fails"}
    assert "–" in sweep.law_table(groups) and "nan" not in sweep.law_table(groups)
    assert "nan" not in sweep._headline(groups) + sweep.factor_table(groups) + "".join(c.measured for c in claims)
    for chart in (*figures(groups).values(), text.deaths_chart(groups, text.names_of(groups))):
        json.dumps(chart.to_dict(), allow_nan=False)
    assert sweep._facts(groups[0])["budget"] == {}


@pytest.mark.parametrize("collapsed", [True, False])
def test_variants_and_even_draws_stand_where_no_run_can_be_calibrated(collapsed):
    runs = [untold(decay, collapsed=collapsed) for decay in constancy.DECAYS]
    found = {"as in the sweep": runs, "10 epochs": runs}
    decays = {name: constancy.feature_decays(records) for name, records in found.items()}
    assert {claim.verdict for claim in constancy._claims(decays)} == {"fails"}
    assert "–" in constancy._table(decays, found) and "nan" not in constancy._table(decays, found)
    json.dumps(constancy._chart(decays).to_dict(), allow_nan=False)
    compared = {2e-3: sampling._compare([(runs[0], runs[1])], COUNTS)}
    assert "nan" not in "".join(claim.measured + claim.predicted for claim in sampling._claims(2e-3, compared[2e-3]))
    json.dumps(sampling._figures(compared, COUNTS)["gains"].to_dict(), allow_nan=False)


def test_directions_that_are_never_learnt_have_no_order():
    never = (np.arange(3.0), np.zeros((3, 2))), np.array([2.0, 1.0])
    assert [claim.verdict for claim in timeline._network_claims([never])] == ["fails", "fails"]


def test_deaths_lie_between_two_runs_and_fade_by_factors():
    """Strengths that fall like λ^−2 are a tenth of σ at √10 times the decay where all of it is there."""
    sigma = np.array([8.0, 4.0, 2.0])
    at = np.array([1e-3, 8e-3, 1.0])  # where each begins to fall: the last never within the sweep
    runs = [
        {
            "recipe": {"weight_decay": decay},
            "collapsed": False,
            "sigma": sigma.tolist(),
            "strength": (sigma * np.minimum(1.0, (at / decay) ** 2)).tolist(),
        }
        for decay in 1e-3 * 2.0 ** np.arange(7)
    ]
    seen = Deaths.of(runs)
    np.testing.assert_allclose(seen.between[:2], at[:2] * np.sqrt(10), rtol=1e-9)
    np.testing.assert_allclose((seen.last[:2], seen.first[:2]), [[2e-3, 1.6e-2], [4e-3, 3.2e-2]])
    assert np.isnan(seen.between[2])
    forecast = np.array([5e-3, 2e-2, 1.0])
    np.testing.assert_allclose(seen.outside(forecast), [np.log(5 / 4), 0.0])
    np.testing.assert_allclose(np.exp(seen.apart(forecast)), [5 / np.sqrt(10), 8 * np.sqrt(10) / 20])
    assert seen.held(np.full(3, 3e-3), np.full(3, 1e-2)).tolist() == [True, False]


def test_newcomers_are_new_three_of_each_and_over_the_zoos_decays():
    kinds = zoo.recipes, newcomers.recipes, newcomers.later, newcomers.blocks, newcomers.entropy
    keys = [{recipe.key for recipe in some()} for some in kinds]
    assert len(set().union(*keys)) == sum(map(len, keys)) and [len(some) for some in keys[2:]] == [135, 54, 75]
    assert len({recipe.data for recipe in newcomers.later()}) == 5
    assert {recipe.data for some in kinds for recipe in some()} <= {*zoo_data.SETS, "digits"}
    first = next(newcomers.recipes())
    coarse, fine = ([one.weight_decay for one in zoo.sweep(first, 1, steps)] for steps in (zoo.STEPS, newcomers.FINE))
    assert fine[::2] == coarse and fine[-1] / fine[0] == pytest.approx(100.0)
