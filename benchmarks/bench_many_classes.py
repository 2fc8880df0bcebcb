"""An audit of more classes than can be compared with one another: time, memory, and how both grow."""

import argparse
import subprocess
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from measure import console, cpu, table

SAMPLES_A_CLASS, ROWS, SAMPLE = 2, 8192, 4096

CODE = """
import resource, sys
import numpy as np, penultimate as pen
from penultimate.features.sources.source import Batch

classes, width = map(int, sys.argv[1:])
samples = {samples} * classes
head = np.random.default_rng(0).standard_normal((classes, width), dtype=np.float32)


class Shards:
    # What shards on a disk would give, made when it is read, with the head's rows as class means.
    dimension, samples, dtype, names, head, fingerprint = width, samples, "float32", None, None, "synthetic"

    def shards(self):
        return [self]

    def labels(self, start=0):
        for first in range(start, samples, {rows}):
            yield np.arange(first, min(first + {rows}, samples)) * 7919 % classes

    def batches(self, start=0):
        for number, own in enumerate(self.labels(start)):
            noise = np.random.default_rng(start + number).standard_normal((len(own), width), dtype=np.float32)
            yield Batch(head[own] + noise, own, None)


audit = pen.audit(Shards(), head=pen.Head((head,), -0.5 * np.einsum("kd,kd->k", head, head)))
assert (audit.sampled is None) == (classes**2 * width <= 1 << 42)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss / 1024**2, used.ru_utime + used.ru_stime)
"""


def products(classes: int, width: int) -> float:
    """CPU seconds of a block of the products that such an audit cannot avoid, as many times as it has them.

    Five tables of a sample against all in single precision, the scatter of all samples, and six Gram matrices.
    """
    rng = np.random.default_rng(0)
    block, some = (rng.standard_normal((size, width), dtype=np.float32) for size in (ROWS, SAMPLE))
    wide = block.astype(np.float64)
    with threadpool_limits(1):
        table_, one, gram = cpu(lambda: some @ block.T), cpu(lambda: block.T @ block), cpu(lambda: wide.T @ wide)
    return classes / ROWS * (5 * table_ + SAMPLES_A_CLASS * one + 6 * gram)


def main() -> None:
    """Print one line for every number of classes, each a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=[128_000, 256_000])
    parser.add_argument("--width", type=int, default=1024)
    given = parser.parse_args()
    columns = ("classes", "peak GiB", "bound", "seconds", "bound", "CPU seconds", "products", "÷ products")
    out = table(f"An audit of two samples a class, d = {given.width:,}, float32", *columns)
    for classes in given.classes:
        code = CODE.format(samples=SAMPLES_A_CLASS, rows=ROWS)
        begun = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-c", code, str(classes), str(given.width)], check=True, capture_output=True, text=True
        )
        took, (peak, used) = time.perf_counter() - begun, map(float, ran.stdout.split())
        least = products(classes, given.width)
        bounds = ("6", "180") if (classes, given.width) == (256_000, 1024) else ("", "")
        row = (f"{peak:.1f}", bounds[0], f"{took:.0f}", bounds[1], f"{used:.0f}", f"{least:.0f}", f"{used / least:.1f}")
        out.add_row(f"{classes:,}", *row)
    console.print(out)


if __name__ == "__main__":
    main()
