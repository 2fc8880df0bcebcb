"""Two processes of a gloo group see what one sees."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import penultimate as pen


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(4), [60, 30, 10, 5]))
    features = 1e3 + rng.normal(size=(4, 8))[labels] * 3 + rng.normal(size=(105, 8))
    return {"H": features, "y": labels, "W": rng.normal(size=(4, 8)), "b": rng.normal(size=4)}


@pytest.fixture(scope="module")
def processes(data, tmp_path_factory):
    """What both processes report, and the statistics that each has of all samples."""
    folder = tmp_path_factory.mktemp("gloo")
    np.savez(folder / "data.npz", **data)
    script = str(Path(__file__).with_name("gloo_worker.py"))
    command = [str(folder / "store"), str(folder / "data.npz"), str(folder / "out")]
    done = subprocess.run([sys.executable, script, *command], stderr=subprocess.PIPE, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    records = [json.loads((folder / f"out.{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]
    kept = [dict(np.load(folder / f"out.{rank}.npz")) for rank in range(2)]
    return records, [pen.FeatureStatistics.read(folder / f"out.{rank}.safetensors") for rank in range(2)], kept


def test_two_processes_keep_the_means_of_all_samples(data, processes):
    whole = pen.FeatureStatistics.from_features(data["H"], data["y"])
    for kept in processes[2]:
        np.testing.assert_allclose(kept["means"], whole.means, rtol=1e-14)
        np.testing.assert_array_equal(kept["part_counts"].sum(axis=1), whole.counts)
        np.testing.assert_allclose(kept["residuals"].sum(axis=1), 0.0, atol=1e-4)
        assert np.count_nonzero(kept["residuals"].any(axis=2)) == np.count_nonzero(kept["part_counts"])
    np.testing.assert_array_equal(processes[2][0]["residuals"], processes[2][1]["residuals"])


def test_two_processes_have_the_statistics_of_one(data, processes):
    whole = pen.FeatureStatistics.from_features(data["H"], data["y"])
    for found in processes[1]:
        np.testing.assert_array_equal(found.counts, whole.counts)
        np.testing.assert_allclose(found.means, whole.means, rtol=1e-14)
        for name in ("spreads", "within_scatter"):
            ours, theirs = getattr(found, name), getattr(whole, name)
            assert np.linalg.norm(ours - theirs) < 1e-12 * np.linalg.norm(theirs)


def test_two_processes_have_the_figures_of_one(data, processes):
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3, feature_ratio=1.0)
    alone = pen.torch.FeatureMonitor(4, 8, head=pen.Head((data["W"],), data["b"]), forecast=forecast, dataset_size=105)
    alone.update(torch.from_numpy(data["H"]), torch.from_numpy(data["y"]))
    expected = {name: float(value) for name, value in alone.compute().items()}
    first, second = (record["values"] for record in processes[0])
    assert first == second and first.keys() == expected.keys() and "direction/3" in first
    for name, value in expected.items():
        assert first[name] == pytest.approx(value, rel=1e-9), name


def test_each_process_goes_on_with_its_own_sums(processes):
    for record in processes[0]:
        assert record["begun"] == 35 // 2 + 70 // 2  # in the middle, of both
        assert record["local"] == record["mine"]
    assert [record["mine"] for record in processes[0]] == [35, 70]


def test_the_padding_of_a_distributed_sampler_is_told(processes):
    for record in processes[0]:
        (without,) = record["told"]["False"]
        assert "106 samples were counted and the data set has 105" in without and "sampler that pads" in without
        (with_ids,) = record["told"]["True"]
        assert "; 1 were counted by several processes" in with_ids and "drop_last=True" in with_ids
