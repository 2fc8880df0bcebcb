"""One pass over features against one matrix product of the same size, the second pass, growth, and memory."""

import os
import subprocess
import sys
import time

import numpy as np
from scipy.linalg.blas import sgemm
from threadpoolctl import threadpool_limits

import penultimate as pen
from measure import alternately, console, cpu, table
from penultimate.features import moments
from penultimate.features.passes import deciding as deciding_module
from penultimate.features.passes.deciding import Deciding

DIMENSION = 512


def trained(samples: int, classes: int, spread: float = 0.05) -> tuple[np.ndarray, np.ndarray, pen.Head]:
    """Features as of a trained network: class means in random directions, spread around them, the head its means."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(classes, DIMENSION)).astype(np.float32)
    labels = rng.integers(0, classes, size=samples)
    noise = np.float32(spread * np.sqrt(2)) * rng.normal(size=(samples, DIMENSION)).astype(np.float32)
    return means[labels] + noise, labels, pen.Head((means,), -0.5 * np.sum(means**2, axis=1))


def fill(features: np.ndarray, labels: np.ndarray, classes: int) -> pen.FeatureStatistics:
    """The first pass."""
    statistics = pen.FeatureStatistics(classes, DIMENSION)
    statistics.update(features, labels)
    return statistics


def second(statistics: pen.FeatureStatistics, head: pen.Head, features: np.ndarray, labels: np.ndarray) -> Deciding:
    """The second pass."""
    deciding = Deciding(statistics, head)
    deciding.update(features, labels)
    return deciding


def passes(count: int) -> None:
    """Print both passes against HᵀH in float32 with as many threads."""
    title = f"Passes over features, d = {DIMENSION}, float32, threads: {count}"
    columns = (
        "samples, classes, spread",
        "HᵀH",
        "statistic",
        "÷ HᵀH",
        "bound",
        "ns a sample",
        "second pass",
        "certified",
    )
    out = table(title, *columns)
    sizes = ((50_000, 100, 0.05), (50_000, 100, 1.0), (100_000, 1000, 0.05), (100_000, 100, 0.05), (200_000, 100, 0.05))
    for samples, classes, spread in sizes:
        features, labels, head = trained(samples, classes, spread)
        statistics = fill(features, labels, classes)
        deciding = second(statistics, head, features, labels)
        with threadpool_limits(count):
            product, first, again = alternately(
                # NumPy would notice the symmetry of features.T @ features and do half of the work.
                lambda features=features: sgemm(1.0, features.T, features.T, trans_b=True),
                lambda features=features, labels=labels, classes=classes: fill(features, labels, classes),
                lambda s=statistics, h=head, f=features, y=labels: second(s, h, f, y),
            )
        bound = "0.75" if (samples, spread) == (50_000, 0.05) else ""
        name = f"{samples:,}, {classes:,}, {spread:g}"
        row = (f"{product:.3f} s", f"{first:.3f} s", f"{first / product:.2f}", bound, f"{first / samples * 1e9:.0f}")
        out.add_row(name, *row, f"{again:.3f} s", f"{deciding.certified / samples:.0%}")
    console.print(out)


def memory() -> None:
    """Print peak and time of a process that audits 10,000 classes, beside one of few, and beside its products."""
    code = (
        "import numpy as np, resource, penultimate as pen\n"
        "rng = np.random.default_rng(0)\n"
        "if {classes}:\n"
        "    y = np.arange(20000) % {classes}\n"
        "    H = rng.normal(size=(20000, 512)).astype(np.float32)\n"
        "    pen.audit(H, y, head=pen.Head((rng.normal(size=({classes}, 512)),), np.zeros({classes})))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)"
    )
    columns = (
        "classes",
        "peak MiB",
        "bound MiB",
        "CPU seconds",
        "seconds",
        "bound",
        "products, CPU seconds",
        "÷ products",
    )
    out = table("An audit of 20,000 samples as a process, d = 512", *columns)
    for classes in (100, 10_000):
        command = [sys.executable, "-c", code.format(classes=classes)]
        begun = time.perf_counter()
        peak, used = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        took, bounds = time.perf_counter() - begun, ("1,024", "15") if classes == 10_000 else ("", "")
        least = cpu(lambda classes=classes: products(classes))
        row = (f"{used:.1f}", f"{took:.1f}", bounds[1], f"{least:.1f}", f"{used / least:.1f}")
        out.add_row(f"{classes:,}", f"{peak:,.0f}", bounds[0], *row)
    console.print(out)


def products(classes: int) -> None:
    """The matrix products of such an audit: two scores of every sample, and three tables of pairs, half of each."""
    rng = np.random.default_rng(0)
    features, narrow = (rng.standard_normal((size, DIMENSION), dtype=np.float32) for size in (20_000, classes))
    means = narrow.astype(np.float64)
    with threadpool_limits(1):
        for _ in range(2):
            for start in range(0, len(features), 512):
                features[start : start + 512] @ narrow.T
        for _ in range(3):
            for start in range(0, classes, 512):
                means[start : start + 512] @ means[start:].T


if __name__ == "__main__":
    memory()  # first: a child's peak begins at its parent's size
    every = len(os.sched_getaffinity(0))
    for number in sorted({1, every}):
        for module in (moments, deciding_module):
            module.workers = lambda number=number: number
        passes(number)
