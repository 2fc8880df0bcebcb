"""An audit of shards in one process and on a local Dask cluster: what a second process gains, and what Dask costs."""

import logging
import tempfile
from pathlib import Path

import distributed
import numpy as np
from threadpoolctl import threadpool_limits

import penultimate as pen
from measure import best, console, once, table

SAMPLES, DIMENSION, CLASSES, SHARDS = 400_000, 256, 100, 8


def write(folder: Path) -> pen.Head:
    """Features as of a trained network, in shards, and its head."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(CLASSES, DIMENSION)).astype(np.float32)
    for shard in range(SHARDS):
        labels = rng.integers(0, CLASSES, size=SAMPLES // SHARDS)
        noise = rng.standard_normal((labels.size, DIMENSION), dtype=np.float32)
        np.savez(folder / f"{shard}.npz", H=means[labels] + 0.1 * noise, y=labels)
    return pen.Head((means,), -0.5 * np.sum(means**2, axis=1))


def compare(folder: Path, head: pen.Head) -> None:
    """Print the time of one process and of clusters of one and two workers, all with one thread a process."""
    title = f"Audit of {SAMPLES:,} × {DIMENSION} float32 in {SHARDS} shards, one thread of BLAS a process"
    out = table(title, "where", "seconds", "÷ one process")
    with threadpool_limits(1):
        alone = best(lambda: pen.audit(folder, head=head), 3)
        out.add_row("one process", f"{alone:.2f}", "1")
        for workers in (1, 2):
            with (
                distributed.LocalCluster(
                    host="127.0.0.1",
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                ) as cluster,
                distributed.Client(cluster) as client,
            ):
                taken = best(lambda client=client: pen.audit(folder, head=head, dask=client), 3)
            out.add_row(f"cluster, workers: {workers}", f"{taken:.2f}", f"{taken / alone:.2f}")
        taken = once(lambda: pen.audit(folder, head=head, dask="local"))
    out.add_row('dask="local", start and end included', f"{taken:.2f}", f"{taken / alone:.2f}")
    console.print(out)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        compare(Path(place), write(Path(place)))
