"""An audit of shards in one process and on a local Dask cluster, and what a large one would cost by what was measured.

``--costs`` leaves the audits out.
"""

import argparse
import logging
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
from penultimate.features.passes.distributed import _GROUP
from penultimate.features.passes.tasks import _FAN

SAMPLES, DIMENSION, CLASSES, SHARDS = 320_000, 256, 100, 8


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
    shard = _SHARD_BLOCKS * block_rows(width) * width  # numbers of a shard of a large file
    table_, scatter = 2 * classes * width, width**2
    tasks = samples * width / max(shard, table_ + scatter)
    moved = 8 * (table_ + scatter) * tasks  # at most: every statistic is merged once, where another one is
    return {
        "features, TB": 4e-12 * samples * width,
        "statistic, GB": 8e-9 * (table_ + scatter),
        "memory of a worker, GB": 8e-9 * (table_ + scatter) * (_FAN + 1),
        "tasks": tasks,
        "moved, TB": 1e-12 * moved,
        "arithmetic, h": pass_seconds(measured, samples, width) / workers / 3600,
        "merging, h": moved * measured.merged / workers / 3600,
        "moving, h": moved * measured.byte / workers / 3600,
        "merging and moving in the process that asked, h": moved / _GROUP * (measured.merged + measured.byte) / 3600,
        "scheduler, h": (1 + 1 / _FAN) * tasks * measured.task / 3600,
        "memory, classes split over workers, GB": 8e-9 * (table_ / workers + scatter),
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
    if not parser.parse_args().costs:
        with tempfile.TemporaryDirectory() as place:
            compare(Path(place), write(Path(place)))
    forecast_costs()


if __name__ == "__main__":
    main()
