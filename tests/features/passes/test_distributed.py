"""Audits on a real cluster of processes equal those of one process, survive a worker, and end in clear errors."""

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import time
import weakref
from contextlib import contextmanager
from pathlib import Path

import dask
import dask.array as da
import distributed
import numpy as np
import psutil
import pytest
from distributed.utils import get_mp_context
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from cluster_sources import Deadly, Shard
from feature_files import arrays, write_npz
from penultimate.features.metrics import sweeping
from penultimate.features.passes import answering, tasks
from penultimate.features.passes import distributed as clusters
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.features.passes.replicates import Replicates
from penultimate.features.sources import ArraySource, Joined, open_features
from penultimate.threads import one_thread_of_blas, workers

HELPERS = Path(__file__).parents[2] / "helpers"


@contextmanager
def cluster(number, **options):
    """A cluster that nobody else can see or hear."""
    with distributed.LocalCluster(
        host="127.0.0.1",
        n_workers=number,
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        silence_logs=logging.CRITICAL,
        **options,
    ) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def _workers_are_forked():
    """By a server that has imported what each would import anew; the command's own cluster starts as users' do."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload(["distributed", "penultimate.features.passes.distributed"])
        yield


@pytest.fixture(scope="module")
def client():
    # A shard is given up with the second worker that is lost by it, and not with the fourth: each has to start anew.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        cluster(2, threads_per_worker=1) as started,
        distributed.Client(started, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(clusters, "_GROUP", 3)
    monkeypatch.setattr(tasks, "_FAN", 2)


@pytest.fixture(scope="module")
def cnn():
    """Features, labels and head of the bundled network, and its audit in one process."""
    source = pen.datasets.features("cnn-mse")
    batches = list(source.batches())
    features, labels = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    wide = features.astype(np.float64)
    return wide, labels, source.head, pen.audit(wide, labels, head=source.head)


def written(folder, features, labels, ends, **content):
    folder.mkdir(exist_ok=True)
    for index, (rows, own) in enumerate(zip(np.split(features, ends), np.split(labels, ends), strict=True)):
        write_npz(
            folder, {"H": rows, "y": own} | {name: np.split(a, ends)[index] for name, a in content.items()}, f"{index}"
        )
    return folder


def assert_equal(one, other, scatter=1e-12):
    """Whatever is counted is the same, sums are to rounding, or as float32 when cut elsewhere."""
    whole, others = one.statistics, other.statistics
    np.testing.assert_allclose(whole.counts, others.counts, rtol=1e-14)  # sums of weights, where there are any
    assert (whole.rows, whole.dropped, one.certified) == (others.rows, others.dropped, other.certified)
    size = np.abs(whole.means).max()
    np.testing.assert_allclose(whole.means, others.means, rtol=1e-12, atol=1e-12 * size)
    np.testing.assert_allclose(whole.spreads, others.spreads, rtol=1e-12)
    np.testing.assert_allclose(whole.within_scatter, others.within_scatter, atol=scatter * whole.spreads.sum())
    for name, counted in vars(one.decisions).items():
        np.testing.assert_array_equal(counted, getattr(other.decisions, name), err_msg=name)
    assert one.intervals.keys() == other.intervals.keys() and one.intervals
    for name, interval in one.intervals.items():
        near = 1e-9 if scatter < 1e-9 else 1e-4
        np.testing.assert_allclose(interval, other.intervals[name], rtol=near, atol=near, err_msg=name)
    assert one.verdict == other.verdict


def test_shards_give_what_one_process_gives(client, cnn, tmp_path):
    features, labels, head, here = cnn
    folder = written(tmp_path, features, labels, [1, 2000, 2007, 9000, 9001, 12_345])
    rows = []
    there = pen.audit(folder, head=head, dask=client, progress=lambda stage, n: rows.append((stage, n)))
    assert_equal(here, there)
    for stage in ("features", "answers"):
        own = [n for name, n in rows if name == stage]
        assert len(own) == 7 and sum(own) == len(labels)


def test_a_large_file_is_read_in_parts(client, cnn, tmp_path, monkeypatch):
    features, labels, head, here = cnn
    path = write_npz(tmp_path, {"H": features, "y": labels})
    monkeypatch.setattr("penultimate.features.sources.file.block_rows", lambda dimension: 100)
    assert len(open_features(path).shards()) == 10
    assert_equal(here, pen.audit(path, head=head, dask=client))


@pytest.mark.parametrize("chunks", [((1777, 13), 999), ((14_886, 64), 700)], ids=str)
def test_dask_arrays_of_any_chunks(client, cnn, chunks):
    features, labels, head, here = cnn
    arrays = da.from_array(features, chunks=chunks[0]), da.from_array(labels, chunks=chunks[1])
    assert_equal(here, pen.audit(*arrays, head=head, dask=client))


def test_narrow_features_keep_the_accuracy_of_their_sums(client, cnn):
    features, labels, head, _ = cnn
    narrow = features.astype(np.float32)
    there = pen.audit(da.from_array(narrow, chunks=(1777, 13)), labels, head=head, dask=client)
    assert_equal(pen.audit(narrow, labels, head=head), there, scatter=1e-7)


def test_dask_arrays_without_a_cluster_are_computed_here(cnn):
    features, labels, head, here = cnn
    assert_equal(here, pen.audit(da.from_array(features, chunks=(3001, 7)), labels, head=head))


def test_dropped_rows_weights_and_unknown_classes(client, tmp_path):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 500)
    features = rng.normal(size=(500, 3)) + 4 * np.eye(4)[labels, :3]
    features[[0, 77, 78, 301]] = np.nan
    folder = written(tmp_path, features, labels, [100, 130, 400], weights=rng.uniform(0, 2, 500))
    there = pen.audit(folder, gaps="drop", dask=client)
    assert_equal(pen.audit(folder, gaps="drop"), there)
    assert (there.statistics.rows, there.statistics.dropped) == (496, 4)


def parts(count, seed=0, size=60, kind=ArraySource):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        labels = rng.integers(0, 3, size)
        yield kind(rng.normal(size=(size, 4)) + 3 * np.eye(3, 4)[labels], labels)


def test_a_killed_worker_costs_a_retry(client, tmp_path):
    calm = list(parts(9))
    memory = tmp_path / "killed"
    deadly = [Deadly(*part_arrays(part), memory) if index == 5 else part for index, part in enumerate(calm)]
    assert_equal(pen.audit(Joined(calm), dask=client), pen.audit(Joined(deadly), dask=client))
    assert memory.exists()


def part_arrays(part):
    return next(iter(part.batches()))[:2]


def test_a_shard_that_kills_every_worker_ends_in_one_error(client):
    # Alone: Dask may as well blame a shard that waits on the same worker.
    shards = [Deadly(*part_arrays(next(parts(1))))]
    with pytest.raises(pen.ClusterError, match=r"^the deadly shard: 2 workers in turn were lost") as caught:
        pen.audit(Joined(shards), dask=client)
    assert caught.value.__suppress_context__


BAD = {
    "nan": (
        lambda content: content["H"].__setitem__((7, 2), np.nan),
        pen.FeaturesError,
        r"1.npz: 1 of 60 rows hold NaN .*sample 7",
    ),
    "label": (
        lambda content: content["y"].__setitem__(3, 9),
        pen.FeaturesError,
        r"1.npz: labels: row 3 has 9, outside 0 … 3",
    ),
    "negative": (lambda content: content["y"].__setitem__(3, -1), pen.FeaturesError, r"1.npz: labels: row 3 has -1"),
    "weight": (
        lambda content: content["weights"].__setitem__(5, -1),
        pen.FeaturesError,
        r"1.npz: weights: row 5 has -1",
    ),
}


@pytest.mark.parametrize(("spoil", "error", "message"), BAD.values(), ids=BAD)
def test_bad_data_are_told_with_the_name_of_the_shard(client, tmp_path, spoil, error, message):
    for index in range(3):
        content = arrays(60, seed=index) | {"weights": np.ones(60)}
        if index == 1:
            spoil(content)
        write_npz(tmp_path, content, f"{index}")
    head = pen.Head((np.eye(4, 5),))
    with pytest.raises(error, match=message) as caught:
        pen.audit(tmp_path, head=head, dask=client)
    assert caught.value.__suppress_context__ and "\n" not in str(caught.value)


def test_bad_rows_of_arrays_are_told_with_their_place(client):
    features = np.ones((50, 2))
    features[31, 1] = np.inf
    with pytest.raises(pen.FeaturesError, match=r"the Dask array \(its samples from 30 on.*sample 1 "):
        pen.audit(da.from_array(features, chunks=(10, 1)), np.arange(50) % 2, dask=client)


def test_a_file_that_is_damaged_after_it_was_opened(client, tmp_path):
    written(tmp_path, np.ones((20, 2)), np.arange(20) % 2, [10])
    source = open_features(tmp_path)
    path = tmp_path / "1.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(pen.FileError, match=r"1\.npz: the file is damaged"):
        pen.audit(source, dask=client)


class Stop(Exception):
    pass


@pytest.mark.parametrize("stage", ["features", "answers"])
def test_an_interrupted_audit_goes_on_to_the_same_bits(client, tmp_path, monkeypatch, stage):
    source = Joined(list(parts(11)))
    whole = pen.audit(source, dask=client)
    path = tmp_path / "audit.checkpoint"
    keep = Checkpoint.keep

    def interrupt(self, name, accumulator, rows, *, done=False):
        keep(self, name, accumulator, rows, done=True)
        if (name, rows) == (stage, 360):
            raise Stop

    monkeypatch.setattr(Checkpoint, "keep", interrupt)
    with pytest.raises(Stop):
        pen.audit(source, dask=client, checkpoint=path)
    monkeypatch.setattr(Checkpoint, "keep", keep)
    with pytest.raises(pen.FileError, match=r"of another run \(shards on a cluster differ\)"):
        pen.audit(source, checkpoint=path)
    read = []
    again = pen.audit(source, dask=client, checkpoint=path, progress=lambda name, rows: read.append((name, rows)))
    assert [rows for name, rows in read if name == stage] == [360, *[60] * 5]
    assert json.dumps(again.to_dict()) == json.dumps(whole.to_dict())
    for name, array in whole.statistics.arrays().items():
        np.testing.assert_array_equal(array, again.statistics.arrays()[name])
    assert not path.exists()


def test_the_result_does_not_depend_on_the_workers(client):
    source = Joined(list(parts(8)))
    one = pen.audit(source, dask=client)
    with (
        cluster(1, threads_per_worker=3) as started,
        distributed.Client(started, set_as_default=False) as other,
    ):
        again = pen.audit(source, dask=other)
    for name, array in one.statistics.arrays().items():
        np.testing.assert_array_equal(array, again.statistics.arrays()[name])


def test_a_local_cluster_is_closed_afterwards(client, monkeypatch):
    monkeypatch.setattr("dask.system.CPU_COUNT", 1)
    before = set(psutil.Process().children(recursive=True))
    source = Joined(list(parts(2)))
    assert_equal(pen.audit(source), pen.audit(source, dask="local"))
    with pytest.raises(pen.FeaturesError, match="a class is missing"):
        pen.audit(Joined([Broken(*part_arrays(part)) for part in parts(1)]), dask="local")
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive


class Broken(Shard):
    def shards(self):
        raise pen.FeaturesError("a class is missing")


def test_an_address(client):
    source = Joined(list(parts(2)))
    assert_equal(pen.audit(source), pen.audit(source, dask=client.scheduler.address))


def test_no_cluster_there(monkeypatch):
    monkeypatch.setattr(clusters, "_SECONDS", 0.5)
    source = next(parts(1))
    for address in ("tcp://127.0.0.1:9", "nonsense://127.0.0.1:8786", ""):
        with pytest.raises(pen.ClusterError, match="no Dask scheduler answers"):
            pen.audit(source, dask=address)
    with pytest.raises(pen.ClusterError, match="7 is no Dask cluster"):
        pen.audit(source, dask=7)


def test_no_half_made_client_is_left_to_be_collected_while_another_starts(monkeypatch):
    made, init = [], distributed.Client.__init__

    def noted(self, *given, **options):
        made.append(weakref.ref(self))
        init(self, *given, **options)

    monkeypatch.setattr(distributed.Client, "__init__", noted)
    monkeypatch.setattr(clusters, "_SECONDS", 0.5)
    gc.disable()
    try:
        for address in ("tcp://127.0.0.1:9", "nonsense://127.0.0.1:8786"):
            with pytest.raises(pen.ClusterError, match="no Dask scheduler answers"):
                pen.audit(next(parts(1)), dask=address)
            assert made and all(client() is None for client in made)
    finally:
        gc.enable()


def test_no_workers_and_workers_that_lack_the_package(monkeypatch, tmp_path):
    source = Joined(list(parts(2)))
    with cluster(0) as started:
        monkeypatch.setattr(clusters, "_SECONDS", 0.2)
        with pytest.raises(pen.ClusterError, match="has had no workers"):
            pen.audit(source, dask=started.scheduler_address)
        monkeypatch.setattr(clusters, "_SECONDS", 30)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", started.scheduler_address]
        worker = subprocess.Popen(
            [*command, "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            for text, message in (
                ("raise ModuleNotFoundError('none')", "worker of the Dask cluster lacks penultimate"),
                ("__version__ = '0.0.1'", "has penultimate 0.0.1, and here is"),
            ):
                (tmp_path / "penultimate.py").write_text(text)
                with pytest.raises(pen.ClusterError, match=message):
                    pen.audit(source, dask=started.scheduler_address)
        finally:
            worker.kill()
            worker.wait()


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(pen.MissingDependencyError, match=r"pip install 'penultimate\[dask\]'"):
        pen.audit(next(parts(1)), dask="local")


def test_an_interrupt_on_the_command_line_leaves_no_process(tmp_path):
    code = (
        "import pathlib, sys; from cluster_sources import Sleepy; from penultimate import cli\n"
        "from penultimate.datasets import by_name\n"
        "from penultimate.features.sources import Joined\n"
        "place = pathlib.Path(sys.argv.pop(1))\n"
        "by_name.source_of = lambda *_: Joined([Sleepy(place) for _ in range(40)])\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", code, str(tmp_path), "audit", "features", "--dask", "local"]
    path = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        try:
            while not any(tmp_path.iterdir()):
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    # On a slow machine the cluster has no time to close, and Python's tracker of semaphores says so afterwards.
    assert (told.splitlines()[0], process.returncode) == ("penultimate: interrupted", 130)
    left = [psutil.Process(int(file.name)) for file in tmp_path.iterdir() if psutil.pid_exists(int(file.name))]
    assert not psutil.wait_procs(left, timeout=60)[1]


def test_very_many_classes_are_sampled_as_in_one_process(client, monkeypatch):
    for module in (sweeping, answering):
        monkeypatch.setattr(module, "SAMPLE", 25)
    monkeypatch.setattr(sweeping, "WORK", 0)
    monkeypatch.setattr(answering, "_WORK", 0)
    monkeypatch.setattr("penultimate.audits.audit._PARTS_BYTES", 0)  # one part, without intervals
    rng = np.random.default_rng(5)
    means, labels = 2.0 * rng.normal(size=(40, 6)), rng.integers(0, 40, 600)
    features = means[labels] + rng.normal(size=(600, 6))
    features[17] = np.nan
    given = {"head": pen.Head((means,), -0.5 * np.sum(means**2, axis=1)), "gaps": "drop"}
    here = pen.audit(features, labels, **given)
    there = pen.audit(da.from_array(features, chunks=(70, 6)), labels, dask=client, **given)
    assert there.drawn == here.drawn == 25 and there.statistics.rows == 599
    np.testing.assert_array_equal(there.sampled, here.sampled)
    np.testing.assert_allclose(there.statistics.means, here.statistics.means, rtol=1e-12, atol=1e-12)
    for name, counted in vars(here.decisions).items():
        np.testing.assert_array_equal(counted, getattr(there.decisions, name), err_msg=name)
    for name, value in here.metrics.to_dict().items():
        assert there.metrics.to_dict()[name] == (value if value is None else pytest.approx(value, rel=1e-9)), name


def test_a_task_reads_as_much_as_its_statistic_holds(client, cnn, tmp_path, monkeypatch):
    features, labels, head, here = cnn
    folder = written(tmp_path, features, labels, [10, 20, 30, 3000, 9000, 9010])
    numbers = 2 * here.statistics.classes * here.statistics.dimension + here.statistics.dimension**2
    monkeypatch.setattr("penultimate.features.passes.shards._SMALL", 0)
    rows = []
    there = pen.audit(folder, head=head, dask=client, progress=lambda stage, n: rows.append((stage, n)))
    assert_equal(here, there)
    read = [n for stage, n in rows if stage == "features"]
    assert sum(read) == len(labels) and len(read) == 3
    assert all(n * here.statistics.dimension >= numbers for n in read)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_tree_merges_any_number_of_shards_in_any_order(sizes, random):
    rng = np.random.default_rng(len(sizes))
    labels = rng.integers(0, 3, sum(sizes))
    features = rng.normal(size=(sum(sizes), 2)) + 1e4
    whole = Replicates(3, 2, 4)
    whole.update(features, labels)
    shards, before = [], np.zeros(3, dtype=np.int64)
    for rows in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        own = whole.fresh(before)
        own.update(features[rows], labels[rows])
        shards.append(own.arrays())
        before = before + np.bincount(labels[rows], minlength=3)
    random.shuffle(shards)
    merged = whole.fresh()
    merged.restore(tasks.tree(shards, lambda *parts: tasks.merge_parts(whole, *parts)))
    for part, other in zip(whole.parts, merged.parts, strict=True):
        np.testing.assert_array_equal(part.counts, other.counts)
        np.testing.assert_allclose(part.means, other.means, rtol=1e-12)
        np.testing.assert_allclose(part.spreads, other.spreads, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(part.within_scatter, other.within_scatter, rtol=1e-9, atol=1e-9)


def test_merging_leaves_its_parts_alone():
    first, second = Replicates(3, 4, 2), Replicates(3, 4, 2)
    for own, part in zip((first, second), parts(2), strict=True):
        own.update(*part_arrays(part))
    kept = {name: array.copy() for name, array in first.arrays().items()}
    tasks.merge_parts(first, first.arrays(), second.arrays())
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, kept[name])


def test_a_task_has_one_thread_of_blas():
    with one_thread_of_blas():
        assert workers() == 1


def test_a_label_that_is_no_index_of_a_class(client):
    labels = np.array([0, 1, 2**50])
    for place in (None, client):
        with pytest.raises(pen.FeaturesError, match="the largest is 1125899906842624, and there are 3 samples"):
            pen.audit(np.eye(3), labels, dask=place)


BAD_ARRAYS = {
    "labels": (da.ones((4, 2)), None, "needs labels"),
    "shape": (da.ones(4), np.arange(4), "one row a sample"),
    "empty": (da.ones((0, 2)), np.arange(0), "one row a sample"),
    "length": (da.ones((4, 2)), np.arange(3), r"labels have shape \(3,\) for 4 samples"),
    "type": (da.ones((4, 2)), da.ones(4), "labels are float64"),
    "complex": (da.ones((4, 2), dtype=complex), np.arange(4), "not numbers"),
    "unknown": (da.ones((4, 2))[da.arange(4) > 1], np.arange(4), "compute_chunk_sizes"),
}


@pytest.mark.parametrize(("features", "labels", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_dask_arrays_that_do_not_fit(features, labels, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.audit(features, labels)


@pytest.mark.parametrize("lost", ["CommClosedError", "CancelledError"])
def test_a_scheduler_that_is_gone_is_told_wherever_it_is_noticed(lost):
    import distributed

    from penultimate.features.passes.distributed import _reporting_loss

    error = {"CommClosedError": distributed.comm.core.CommClosedError, "CancelledError": distributed.CancelledError}[
        lost
    ]
    with pytest.raises(pen.ClusterError, match="was lost"), _reporting_loss(distributed):
        raise error("gone")


@pytest.fixture
def ranges(monkeypatch):
    """Statistics of three classes a range, one part, and tasks of a shard each."""
    monkeypatch.setattr("penultimate.audits.audit._PARTS_BYTES", 0)
    monkeypatch.setattr("penultimate.features.passes.shards._SMALL", 0)
    monkeypatch.setattr("penultimate.features.passes.class_ranges.RANGE", 24)


def wide_parts(count, spoil=None):
    rng = np.random.default_rng(7)
    means = 3.0 * rng.normal(size=(11, 4))
    for index in range(count):
        labels = rng.choice([0, 2, 3, 5, 8, 9, 10], 60)
        features = means[labels] + rng.normal(size=(60, 4))
        if index == spoil:
            features[7] = np.nan
        yield ArraySource(features, labels)


def test_statistics_split_by_class_are_those_of_one_process(client, ranges):
    source = Joined(list(wide_parts(8, spoil=3)))
    given = {"counts": np.ones(11), "gaps": "drop", "head": pen.Head((np.random.default_rng(0).normal(size=(11, 4)),))}
    given["counts"][[1, 4, 6, 7]] = 0
    here, read = pen.audit(source, **given), []
    there = pen.audit(source, dask=client, progress=lambda stage, rows: read.append((stage, rows)), **given)
    np.testing.assert_array_equal(there.statistics.counts, here.statistics.counts)
    assert (there.statistics.rows, there.statistics.dropped) == (479, 1)
    np.testing.assert_allclose(there.statistics.means, here.statistics.means, rtol=1e-12)
    np.testing.assert_allclose(there.statistics.spreads, here.statistics.spreads, rtol=1e-12)
    for name, value in here.metrics.to_dict().items():
        assert there.metrics.to_dict()[name] == (value if value is None else pytest.approx(value, rel=1e-9)), name
    for name, counted in vars(here.decisions).items():
        np.testing.assert_array_equal(counted, getattr(there.decisions, name), err_msg=name)
    assert [rows for stage, rows in read if stage == "features"] == [60] * 8


def test_a_worker_lost_over_ranges_costs_a_retry(client, ranges, tmp_path):
    calm, memory = list(wide_parts(7)), tmp_path / "killed"
    deadly = [Deadly(*part_arrays(part), memory) if index == 5 else part for index, part in enumerate(calm)]
    one, other = pen.audit(Joined(calm), dask=client), pen.audit(Joined(deadly), dask=client)
    assert memory.exists()
    for name, array in one.statistics.arrays().items():
        np.testing.assert_array_equal(array, other.statistics.arrays()[name])


def test_an_interrupted_audit_of_ranges_goes_on_to_the_same_bits(client, ranges, tmp_path, monkeypatch):
    source, path, keep = Joined(list(wide_parts(11))), tmp_path / "audit.checkpoint", Checkpoint.keep
    whole = pen.audit(source, dask=client)

    def interrupt(self, name, accumulator, rows, *, done=False):
        keep(self, name, accumulator, rows, done=done)
        if name == "features":
            assert rows == 180
            raise Stop

    monkeypatch.setattr(Checkpoint, "keep", interrupt)
    monkeypatch.setattr(Checkpoint, "due", True)
    with pytest.raises(Stop):
        pen.audit(source, dask=client, checkpoint=path)
    monkeypatch.setattr(Checkpoint, "keep", keep)
    read = []
    again = pen.audit(source, dask=client, checkpoint=path, progress=lambda name, rows: read.append((name, rows)))
    assert [rows for name, rows in read if name == "features"] == [180, *[60] * 8]
    for name, array in whole.statistics.arrays().items():
        np.testing.assert_array_equal(array, again.statistics.arrays()[name])


def test_bad_rows_in_ranges_are_told_with_the_name_of_the_shard(client, ranges):
    with pytest.raises(pen.FeaturesError, match=r"arrays: 1 of 60 rows hold NaN or infinity, the first is sample 7"):
        pen.audit(Joined(list(wide_parts(5, spoil=2))), dask=client)


@pytest.mark.parametrize("large", [False, True])
def test_features_with_gaps_are_read_as_one_process_does(client, large, request):
    """In parts that deal out the samples of each class, and whole."""
    if large:
        request.getfixturevalue("ranges")
    rng = np.random.default_rng(3)
    shards = []
    for part in wide_parts(5):
        features, labels = part_arrays(part)
        shards.append(ArraySource(np.where(rng.random(features.shape) < 0.1, np.nan, features), labels))
    here, there = (pen.audit(Joined(shards), gaps="observed", dask=place) for place in (None, client))
    assert here.gaps.to_dict() == there.gaps.to_dict() and bool(here.intervals) != large
    np.testing.assert_allclose(there.statistics.means, here.statistics.means, rtol=1e-12)
    np.testing.assert_allclose(there.statistics.within_scatter, here.statistics.within_scatter, rtol=1e-9, atol=1e-9)
    for name, interval in here.intervals.items():
        np.testing.assert_allclose(there.intervals[name], interval, rtol=1e-7, atol=1e-9, err_msg=name)
