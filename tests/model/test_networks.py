"""What other networks tell before training: whose figures are taken, what follows from them, and damaged tables."""

import csv
import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

import penultimate as pen
from penultimate.cli.options import KINDS
from penultimate.errors import FileError
from penultimate.model.before_training import before_training
from penultimate.model.networks import TrainedNetwork, kinds, networks_like, read_networks, summed_up

HEAD = "kind,source,survivors,directions,median"
COUNTS = pen.ClassCounts([600, 300, 12, 9])


def table(*rows):
    return [HEAD, *rows]


def test_only_networks_that_lost_some_directions_and_not_all_tell_anything():
    rows = read_networks(table("cnn,a,0,9,", "cnn,a,9,9,5.0", "cnn,b,4,9,0.25", "probe,a,1,3,2.0", "probe,a,2,3,0"))
    assert [tuple(row) for row in rows] == [("cnn", "b", 0.25), ("probe", "a", 2.0)]


def test_range_and_median_are_quantiles_and_few_of_a_kind_are_not_enough():
    rows = read_networks(
        table(*(f"cnn,{k % 3},4,9,{k}" for k in range(1, 12)), *(f"probe,z,4,9,{k}" for k in (50, 60, 70, 80)))
    )
    alike = summed_up(rows, "cnn")
    assert (alike.kind, alike.number, alike.sources, alike.decays) == ("cnn", 11, 3, (2.0, 6.0, 10.0))
    everything = summed_up(rows, "probe")
    assert (everything.kind, everything.number, everything.sources) == ("any", 15, 4)
    assert everything == replace(summed_up(rows, None), few_of="probe")


def test_a_forecast_before_training_is_one_with_their_feature_decay():
    """λ_H = (N λ_H)/N: the same forecast, given as a number, at the median and at both ends."""
    forecast = pen.forecast(COUNTS, 1e-2)
    for one, decay in zip((forecast.band[0], forecast, forecast.band[1]), networks_like().decays, strict=True):
        known = pen.forecast(COUNTS, 1e-2, feature_decay=decay / COUNTS.samples)
        np.testing.assert_allclose(one.solution.strength, known.solution.strength)
        np.testing.assert_allclose(one.critical_weight_decay, known.critical_weight_decay)
        assert one.survivors == known.survivors and known.band is None
    assert f"Of {networks_like().number} networks of every kind" in forecast.verdict
    assert forecast.by_ratio == () and forecast.to_dict()["problem"]["networks"]["kind"] == "any"


@pytest.mark.parametrize("loss", ["mse", "ce", "mse:inverse"])
def test_deaths_are_where_forecasts_at_that_decay_lose_a_direction(loss):
    """The exponent of the threshold with N λ_H fixed: just below the safe decay all live, just above one is dead."""
    safe = pen.forecast(COUNTS, 1e-3, loss=loss).largest_safe_weight_decay
    below, above = (pen.forecast(COUNTS, safe * side, loss=loss) for side in (0.99, 1.01))
    assert below.survivors == below.directions and above.survivors == above.directions - 1


def test_samples_needed_do_not_depend_on_the_number_of_samples_but_by_the_decay():
    """θ² = N λ (N λ_H) for one layer of squared error."""
    for factor in (1, 10):
        counts = pen.ClassCounts(COUNTS.values * factor)
        needed = pen.forecast(counts, 1e-2).samples_needed
        assert needed == pytest.approx(counts.samples * 1e-2 * networks_like().decay)


def test_bundled_table_and_its_description():
    folder = files("penultimate") / "data" / "networks"
    assert {path.name for path in folder.iterdir()} == {"SOURCES.md", "networks.csv"}
    with (folder / "networks.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    described = (folder / "SOURCES.md").read_text(encoding="utf-8")
    assert all(name in described for name in rows[0])
    assert len(rows) >= 40 and {row["source"] for row in rows} > {"Fashion-MNIST", "hypernyms"}
    assert max(int(row["classes"]) for row in rows) >= 100


def test_what_contradicts_is_refused():
    with pytest.raises(pen.ProblemError, match=r"no networks of kind 'vit'.*choose one of .*perceptron"):
        pen.forecast(COUNTS, like="vit")
    with pytest.raises(pen.ProblemError, match="one sigmoid a label"):
        pen.advise(COUNTS, loss="bce")
    for options in ({"feature_decay": 1e-6}, {"feature_ratio": 2.0}):
        with pytest.raises(pen.ProblemError, match="beside a feature decay or its ratio"):
            pen.forecast(COUNTS, like="perceptron", **options)
    assert before_training(1e-3, feature_ratio=2.0).networks is None


@pytest.mark.parametrize("rows", [table("cnn,a,many,9,1.0"), table("cnn,a,4,9,"), ["kind,source", "cnn,a"], [HEAD], []])
def test_a_damaged_table_is_one_error(rows):
    with pytest.raises(FileError, match="install penultimate again"):
        read_networks(rows)


def test_comparisons_and_advice_take_the_median_and_not_the_ends_too():
    compared, advised = pen.compare_losses(COUNTS, ["mse"], 5e-2), pen.advise(COUNTS, 5e-2)
    alone = pen.forecast(COUNTS, 5e-2)
    for one in (compared.forecasts["mse"], advised.forecast):
        assert one.band is None and one.threshold == alone.threshold
    assert advised.decay.after.band is None and alone.band is not None


def test_the_command_line_offers_the_kinds_there_are():
    assert KINDS == kinds()


@pytest.mark.parametrize("command", ["forecast", "advise"])
def test_label_sets_are_not_like_any_of_them(penultimate, tmp_path, command):
    tags = tmp_path / "tags.csv"
    tags.write_text("tags\n" + "cat;pet\ndog;pet\nnewt\n" * 20)
    status, out, err = penultimate(command, tags, "--separator", ";", "--like", "probe")
    *_, last = err.splitlines()  # after what was read
    assert (status, out) == (2, "") and last.startswith("penultimate: networks like 'probe' have one label a sample")


def test_charts_name_the_networks_and_no_quartiles():
    drawn = json.dumps(pen.forecast(COUNTS, 1e-2).plot("spectrum").to_dict())
    assert f"range of {networks_like().words}" in drawn and "quartiles" not in drawn


def test_the_command(penultimate, tmp_path):
    status, out, _ = penultimate("forecast", "cifar10-lt", "--like", "perceptron", "--classes", "none")
    assert status == 0 and "like yours (perceptron)" in out and "four in five" in out
    for arguments in (("--like", "fine-tuned"), ("--like", "perceptron", "--feature-decay", "1e-6")):
        status, _, err = penultimate("forecast", "cifar10-lt", *arguments)
        assert status == 2 and err.count("\n") == 1
    status, _, err = penultimate(
        "forecast", "cifar10-lt", "--like", "perceptron", "--calibrate", str(tmp_path / "a.json")
    )
    assert status == 2 and "--like beside --calibrate" in err


def test_a_kind_with_too_few_networks_is_told_in_the_verdict(monkeypatch):
    rows = [TrainedNetwork(kind, source, 1e-3) for kind, source in [("cnn", "a"), *[("probe", "b")] * 6]]
    monkeypatch.setattr("penultimate.model.networks._bundled", lambda: tuple(rows))
    counts = pen.ClassCounts([600, 300, 60, 9])
    verdict = pen.forecast(counts, weight_decay=1e-3, like="cnn").verdict
    assert "Of 7 networks of every kind (too few of kind cnn tell anything), on 2 sets of data" in verdict
    assert "tell anything" not in pen.forecast(counts, weight_decay=1e-3).verdict
    assert "on 1 set of data" in pen.forecast(counts, weight_decay=1e-3, like="probe").verdict
