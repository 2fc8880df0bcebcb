"""An audit of shards in one process and on a local Dask cluster, and what a large one would cost by what was measured.

``--costs`` leaves the audits out, and ``--large`` is a run of many classes alone.
"""

import argparse
import logging
import resource
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import distributed
import numpy as np
from threadpoolctl import threadpool_limits

import penultimate as pen
from measure import alternately, best, console, once, table
from penultimate.archives.blocks import _SHARD_BLOCKS, block_rows
from penultimate.features.passes.class_ranges import RANGE, bounds_of
from penultimate.features.passes.distributed import on_cluster
from penultimate.features.passes.one_process import OneProcess
from penultimate.features.passes.replicates import Replicates
from penultimate.features.passes.tasks import _FAN

SAMPLES, DIMENSION, CLASSES, SHARDS = 320_000, 256, 100, 8
# Of the large run: ranges of classes, 512 MiB each, are several from 131,072 classes of this width on.
WIDTH, SAMPLES_A_CLASS, ROWS = 256, 4, 1 << 15


def write(folder: Path) -> pen.Head:
    """Features as of a trained network, in shards, and its head."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(CLASSES, DIMENSION)).astype(np.float32)
    for shard in range(SHARDS):
        labels = rng.integers(0, CLASSES, size=SAMPLES // SHARDS)
        noise = rng.standard_normal((labels.size, DIMENSION), dtype=np.float32)
        np.savez(folder / f"{shard}.npz", H=means[labels] + 0.1 * noise, y=labels)
    return pen.Head((means,), -0.5 * np.sum(means**2, axis=1))


@contextmanager
def cluster(workers: int) -> Generator[distributed.Client]:
    """A cluster of this machine."""
    with (
        distributed.LocalCluster(
            host="127.0.0.1",
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as started,
        distributed.Client(started) as client,
    ):
        yield client


def compare(folder: Path, head: pen.Head) -> None:
    """Print the time of one process and of clusters of one and two workers, which have been started before."""
    title = f"{SAMPLES:,} × {DIMENSION} in {SHARDS} shards"
    out = table(title, "where", "seconds", "÷ one process")

    def audit(dask: object = None) -> None:
        with threadpool_limits(1):
            pen.audit(folder, head=head, dask=dask)

    with cluster(1) as one, cluster(2) as two:
        alone, *others = alternately(
            audit, lambda: pen.audit(folder, head=head), lambda: audit(one), lambda: audit(two), rounds=2
        )
    places = (
        "one process, all threads",
        "cluster, workers: 1",
        "cluster, workers: 2",
        'dask="local", start and end included',
    )
    out.add_row("one process, one thread", f"{alone:.2f}", "1")
    for place, seconds in zip(places, [*others, once(lambda: audit("local"))], strict=True):
        out.add_row(place, f"{seconds:.2f}", f"{seconds / alone:.2f}")
    console.print(out)


def write_many(folder: Path, classes: int) -> None:
    """Shards of features of very many classes, in random order."""
    rng = np.random.default_rng(0)
    order = rng.permutation(np.tile(np.arange(classes), SAMPLES_A_CLASS))
    for first in range(0, order.size, ROWS):
        labels = order[first : first + ROWS]
        features = (
            rng.standard_normal((labels.size, WIDTH), dtype=np.float32) + labels[:, None].astype(np.float32) / classes
        )
        np.savez(folder / f"{first:09}.npz", H=features, y=labels)


def first_pass(folder: Path, classes: int, client: distributed.Client | None) -> pen.FeatureStatistics:
    """The statistic of all classes, in one process or split by class on a cluster."""
    source, sums = pen.open_features(folder), Replicates(classes, WIDTH, 1)
    if client is None:
        with threadpool_limits(1):
            OneProcess(source).run(sums, "features")
    else:
        with on_cluster(client, source) as passes:
            passes.classes(classes)
            passes.run(sums, "features")
    sums.whole.freeze()
    return sums.whole


def both(folder: Path, classes: int) -> tuple[float, float, float]:
    """Seconds of one process and of two workers, and the peak memory of a worker in GiB."""
    found: list[pen.FeatureStatistics] = []
    with cluster(2) as client:
        seconds = [once(lambda c=c: found.append(first_pass(folder, classes, c))) for c in (None, client)]
        peaks: dict[str, int] = client.run(lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    off = np.abs(found[1].means - found[0].means).max()
    if not (off < 1e-12 and np.array_equal(found[0].counts, found[1].counts)):
        raise SystemExit(f"means differ by {off:.1e} from those of one process")
    return *seconds, max(peaks.values()) / 1024**2


def large_run(sizes: list[int]) -> None:
    """Print the first pass over ever more classes, in one process and on two workers, and how it grows."""
    columns = (
        "classes",
        "features, GB",
        "ranges",
        "one process, s",
        "two workers, s",
        "÷",
        "∝ K to the",
        "a worker, GiB",
    )
    out = table(f"First pass, {SAMPLES_A_CLASS} samples a class, d = {WIDTH}", *columns)
    before: tuple[int, float] | None = None
    for classes in sizes:
        with tempfile.TemporaryDirectory() as place:
            write_many(Path(place), classes)
            alone, two, peak = both(Path(place), classes)
        power = "" if before is None else f"{np.log(two / before[1]) / np.log(classes / before[0]):.2f}"
        before = (classes, two)
        size, ranges = 4e-9 * SAMPLES_A_CLASS * classes * WIDTH, len(bounds_of(classes, WIDTH)) - 1
        row = (f"{size:.2f}", f"{ranges}", f"{alone:.1f}", f"{two:.1f}", f"{two / alone:.2f}", power, f"{peak:.2f}")
        out.add_row(f"{classes:,}", *row)
    console.print(out)


@dataclass(frozen=True)
class Constants:
    """Seconds of one core, but for `byte` and `task`.

    Attributes
    ----------
    product : float
        A multiplication and an addition in a product of matrices of single precision.
    number : float
        Adding a number of the features to its class.
    merged : float
        A byte of a statistic that is merged.
    byte : float
        A byte that goes from one process to another, through Dask.
    task : float
        What the scheduler takes for a task.
    """

    product: float
    number: float
    merged: float
    byte: float
    task: float


def constants() -> Constants:
    """Measure them."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((8192, 1024), dtype=np.float32)
    features = rng.standard_normal((400_000, 64), dtype=np.float32)
    labels = rng.integers(0, 1000, len(features))
    one, other = (pen.FeatureStatistics.from_features(features, labels * 19, 20_000) for _ in range(2))
    with threadpool_limits(1):
        product = best(lambda: rows.T @ rows) / (len(rows) * rows.shape[1] ** 2)
        filled = best(lambda: pen.FeatureStatistics.from_features(features, labels), 2) / features.size
        merged = best(lambda: one.merge(other)) / one.nbytes
    with cluster(1) as client:
        sent = np.ones(8 << 20)
        moved = best(lambda: client.scatter(sent, hash=False).result(), 3) / (2 * sent.nbytes)  # there and back
        task = best(lambda: client.gather(client.map(abs, range(500), pure=False)), 2) / 500
    return Constants(product, filled - features.shape[1] * product, merged, moved, task)


def costs(measured: Constants, samples: float, classes: float, width: int, workers: int) -> dict[str, float]:
    """What the first pass takes, of features in float32: it costs more than the second. Disks are not counted."""
    table_, scatter = 2 * classes * width, width**2
    # A task reads as many numbers, and meets no more classes than samples.
    shard = _SHARD_BLOCKS * block_rows(width) * width
    read = max(shard, min(table_ + scatter, max(RANGE, scatter)))
    tasks, met = samples * width / read, min(classes, read / width)
    ranges = len(bounds_of(int(classes), width)) - 1
    piece = min(table_, RANGE) + scatter
    moved = 8 * (2 * met * width + scatter) * tasks  # at most: every statistic is merged once, where another one is
    return {
        "features, TB": 4e-12 * samples * width,
        "statistic of all classes, GB": 8e-9 * (table_ + scatter),
        "ranges of classes": ranges,
        "memory of a worker, GB": 8e-9 * (_FAN + 1) * max(2 * met * width + scatter, piece),
        "tasks that read": tasks,
        "moved, TB": 1e-12 * moved,
        "arithmetic, h": pass_seconds(measured, samples, width) / workers / 3600,
        "merging, h": moved * measured.merged / workers / 3600,
        "moving, h": moved * measured.byte / workers / 3600,
        "scheduler, h": (1 + ranges * (1 + 1 / _FAN)) * tasks * measured.task / 3600,
        "to the process that asked, GB": 4e-9 * table_,
        "the same, h": 4 * table_ * measured.byte / 3600,
    }


def pass_seconds(measured: Constants, samples: float, width: float) -> float:
    """Seconds of one core."""
    return samples * width * (measured.number + width * measured.product)


def forecast_costs() -> None:
    """Print what was measured, how well it tells another pass, and what it says of large audits."""
    measured = constants()
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((100_000, 512), dtype=np.float32), rng.integers(0, 5000, 100_000)
    with threadpool_limits(1):
        taken = best(lambda: pen.FeatureStatistics.from_features(features, labels), 2)
    out = table("Measured, on one core", "what", "value")
    out.add_row("multiplication and addition in HᵀH, 1e-12 s", f"{1e12 * measured.product:.1f}")
    out.add_row("a number added to its class, 1e-12 s", f"{1e12 * measured.number:.0f}")
    out.add_row("statistics merged, GB/s", f"{1e-9 / measured.merged:.2f}")
    out.add_row("from one process to another, GB/s", f"{1e-9 / measured.byte:.2f}")
    out.add_row("a task of the scheduler, 1e-3 s", f"{1e3 * measured.task:.2f}")
    told = pass_seconds(measured, *features.shape)
    out.add_row("100,000 × 512, 5,000 classes: seconds ÷ those by the above", f"{taken / told:.2f}")
    console.print(out)
    settings = [(1e8, 256_000, 1024, 16), (1e12, 256_000, 4096, 1000), (1e12, 10_000_000, 16_384, 1000)]
    found = [costs(measured, *setting) for setting in settings]
    out = table(
        "The first pass by that", "", *(f"N {n:.0e}, K {k:,}, d {d:,}, {w:,} workers" for n, k, d, w in settings)
    )
    for name in found[0]:
        out.add_row(name, *(f"{one[name]:,.2f}" if one[name] < 100 else f"{one[name]:,.0f}" for one in found))
    console.print(out)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--large", type=int, nargs="*", metavar="CLASSES")
    given = parser.parse_args()
    if given.large is not None:
        large_run(given.large or [64_000, 128_000, 256_000])
        return
    if not given.costs:
        with tempfile.TemporaryDirectory() as place:
            compare(Path(place), write(Path(place)))
    forecast_costs()


if __name__ == "__main__":
    main()
