"""Logs of a few columns of each sample: the same as a dense array with NaN, in every format; what is no log is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from command import run
from feature_files import WRITERS
from penultimate.features.sources.in_memory import gather
from penultimate.features.sources.logged import filled_out
from seeds import SEED

WIDTH, LOGGED = 6, 4


def log(samples=180, seed=SEED, width=WIDTH, logged=LOGGED):
    """A log, and the dense array that it stands for."""
    rng, labels = np.random.default_rng(seed), np.arange(samples) % 3
    features = 3 * rng.normal(size=(3, width))[labels] + rng.normal(size=(samples, width))
    columns = np.argsort(rng.random(features.shape), axis=1)[:, :logged]
    values = np.take_along_axis(features, columns, axis=1)
    dense = np.full_like(features, np.nan)
    for row, (some, held) in enumerate(zip(columns, values, strict=True)):
        dense[row, some] = held
    return {"columns": columns, "values": values, "y": labels}, dense


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8))
def test_rows_are_those_of_a_loop(seed, width, logged):
    content, dense = log(9, seed, width, min(width, logged))
    np.testing.assert_array_equal(filled_out(content["columns"], content["values"], width), dense)


@pytest.mark.parametrize("name", WRITERS)
def test_a_log_is_read_as_a_dense_array_in_every_format(name, tmp_path):
    content, dense = log()
    source = pen.open_features(WRITERS[name](tmp_path, content))
    assert source.dimension == WIDTH and source.samples == len(dense)
    np.testing.assert_array_equal(np.concatenate([batch.features for batch in source.batches()]), dense)
    np.testing.assert_array_equal(np.concatenate([batch.features for batch in source.batches(70)]), dense[70:])


def test_an_audit_of_a_log_is_that_of_the_dense_array(tmp_path, monkeypatch, capsys):
    content, dense = log()
    np.savez(tmp_path / "log.npz", **content)
    found = pen.audit(tmp_path / "log.npz", gaps="observed")
    assert found.metrics.nc1 == pen.audit(dense, content["y"], gaps="observed").metrics.nc1
    assert found.gaps.missing == pytest.approx(1 - LOGGED / WIDTH)
    code, out, _ = run(monkeypatch, capsys, "audit", tmp_path / "log.npz", "--gaps", "observed")
    assert code == 0 and "No row is whole" in " ".join(out.split())
    code, _, err = run(monkeypatch, capsys, "audit", tmp_path / "log.npz")
    assert code == 2 and "--gaps observed" in err and len(err.splitlines()) == 1


def test_an_eighth_of_the_columns_tells_means_and_the_quotient_of_traces():
    samples = gather(pen.datasets.features("cnn-mse"))
    gone = np.argsort(np.random.default_rng(SEED).random(samples.features.shape), axis=1) >= 8
    logged = pen.audit(np.where(gone, np.nan, samples.features), samples.labels, gaps="observed").statistics
    whole = pen.FeatureStatistics.from_features(*samples)
    means, wanted = (one.means - one.global_mean for one in (logged, whole))
    assert np.linalg.norm(means - wanted) < 0.12 * np.linalg.norm(wanted)
    quotients = [pen.metrics.variability_quotient(one) for one in (logged, whole)]
    assert np.log(quotients[0] / quotients[1]) == pytest.approx(0, abs=0.04)


def test_shards_of_a_log_are_as_wide_as_the_widest_or_as_the_head(tmp_path):
    content, _ = log()
    narrow = np.flatnonzero((content["columns"] < WIDTH - 1).all(axis=1))
    np.savez(tmp_path / "a.npz", **{key: array[narrow] for key, array in content.items()})
    np.savez(tmp_path / "b.npz", **content)
    assert pen.open_features(tmp_path / "a.npz").dimension == WIDTH - 1
    assert pen.open_features(tmp_path).dimension == WIDTH
    np.savez(tmp_path / "head.npz", W=np.ones((3, WIDTH + 2)))
    source = pen.open_features(tmp_path)
    assert source.dimension == WIDTH + 2 and {b.features.shape[1] for b in source.batches()} == {WIDTH + 2}
    np.savez(tmp_path / "c.npz", **content, W=np.ones((3, WIDTH + 1)))
    assert pen.open_features(tmp_path / "c.npz").dimension == WIDTH + 1


def test_features_go_before_a_log(tmp_path):
    content, dense = log()
    np.savez(tmp_path / "both.npz", H=np.nan_to_num(dense[:, :2]), **content)
    assert pen.open_features(tmp_path / "both.npz").dimension == 2


BAD = {
    "no columns": ({"columns": None}, "there are no features"),
    "other shapes": ({"columns": np.zeros((180, 2), dtype=int)}, "columns has shape"),
    "one row too few": ({"columns": np.zeros((179, LOGGED), dtype=int)}, "columns has shape"),
    "no whole numbers": ({"columns": np.zeros((180, LOGGED))}, "whole numbers"),
    "too wide": ({"columns": np.full((180, LOGGED), 1 << 20)}, "the largest is 1048576, and there are 720 values"),
    "nothing named": ({"columns": np.full((180, LOGGED), -1)}, "the largest is -1"),
    "no numbers": ({"values": np.zeros((180, LOGGED), dtype=int)}, "cast it to one of"),
    "twice": ({"columns": np.zeros((180, LOGGED), dtype=int)}, "sample 0 names a column twice"),
    "labels": ({"y": np.zeros(179, dtype=int)}, "y has shape"),
    "weights": ({"weights": np.ones(180)}, "gaps and weights"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_log_is_one_clear_error(case, tmp_path):
    changed, message = BAD[case]
    content = {key: array for key, array in (log()[0] | changed).items() if array is not None}
    np.savez(tmp_path / "log.npz", **content)
    with pytest.raises(pen.PenultimateError, match=message):
        pen.audit(tmp_path / "log.npz", gaps="observed")


def test_one_damaged_column_does_not_make_a_wide_matrix(tmp_path):
    content, _ = log()
    content["columns"][3, 1] = 100_000
    np.savez(tmp_path / "log.npz", **content)
    with pytest.raises(pen.FeaturesError, match=r"log\.npz: columns: the largest is 100000, and there are 720 values"):
        pen.open_features(tmp_path / "log.npz")


@pytest.mark.parametrize("column", [-1, WIDTH + 3])
def test_a_column_out_of_range_is_named_with_its_sample(column, tmp_path):
    content, _ = log()
    content["columns"][7, 2] = column
    np.savez(tmp_path / "log.npz", **content, W=np.ones((3, WIDTH)))
    with pytest.raises(pen.FeaturesError, match=f"log.npz: columns: sample 7 names column {column}, outside 0 … 5"):
        pen.audit(tmp_path / "log.npz", gaps="observed")
    content["values"][7, 2] = np.nan
    np.savez(tmp_path / "log.npz", **content, W=np.ones((3, WIDTH)))
    assert pen.audit(tmp_path / "log.npz", gaps="observed").gaps.rows == 180
