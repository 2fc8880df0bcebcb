"""An audit of more classes than can be compared with one another, from shards: time, memory, and how both grow."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from threadpoolctl import threadpool_limits

from measure import console, cpu, table

SAMPLES_A_CLASS, ROWS, SAMPLE = 2, 1 << 15, 4096

CODE = """
import resource, sys
import penultimate as pen

folder, head, classes, width = sys.argv[1:]
audit = pen.audit(folder, head=head)
assert (audit.sampled is None) == (int(classes) ** 2 * int(width) <= 1 << 42)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss / 1024**2, used.ru_utime + used.ru_stime)
"""


def write(folder: Path, classes: int, width: int) -> Path:
    """Shards of features about the rows of a head, two samples a class, and the head beside their folder."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((classes, width), dtype=np.float32)
    head = folder.with_suffix(".safetensors")
    save_file({"W": rows, "b": -0.5 * np.vecdot(rows, rows)}, head)
    for first in range(0, SAMPLES_A_CLASS * classes, ROWS):
        labels = np.arange(first, min(first + ROWS, SAMPLES_A_CLASS * classes)) * 7919 % classes
        noise = rng.standard_normal((labels.size, width), dtype=np.float32)
        save_file({"H": rows[labels] + noise, "y": labels}, folder / f"{first:09}.safetensors")
    return head


def products(classes: int, width: int) -> float:
    """CPU seconds of a block of the products that such an audit cannot avoid, as many times as it has them.

    Five tables of a sample against all in single precision, the scatter of all samples, and six Gram matrices.
    """
    rng = np.random.default_rng(0)
    block, some = (rng.standard_normal((size, width), dtype=np.float32) for size in (2 * SAMPLE, SAMPLE))
    wide = block.astype(np.float64)
    with threadpool_limits(1):
        table_, one, gram = cpu(lambda: some @ block.T), cpu(lambda: block.T @ block), cpu(lambda: wide.T @ wide)
    return classes / len(block) * (5 * table_ + SAMPLES_A_CLASS * one + 6 * gram)


def main() -> None:
    """Print one line for every number of classes, each a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=[128_000, 256_000])
    parser.add_argument("--width", type=int, default=1024)
    given = parser.parse_args()
    columns = ("classes", "peak GiB", "bound", "seconds", "bound", "CPU seconds", "products", "÷ products")
    out = table(f"An audit of two samples a class, d = {given.width:,}, float32", *columns)
    for classes in given.classes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place, "shards")
            folder.mkdir()
            arguments = folder, write(folder, classes, given.width), classes, given.width
            begun = time.perf_counter()
            ran = subprocess.run(
                [sys.executable, "-c", CODE, *map(str, arguments)], check=True, capture_output=True, text=True
            )
            took, (peak, used) = time.perf_counter() - begun, map(float, ran.stdout.split())
        least = products(classes, given.width)
        bounds = ("6", "180") if (classes, given.width) == (256_000, 1024) else ("", "")
        row = (f"{peak:.1f}", bounds[0], f"{took:.0f}", bounds[1], f"{used:.0f}", f"{least:.0f}", f"{used / least:.1f}")
        out.add_row(f"{classes:,}", *row)
    console.print(out)


if __name__ == "__main__":
    main()
