"""Whole processes: a forecast of LVIS, and of ten million classes from a file, against merely reading that file."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from measure import console, once, process, table

CLASSES, DISTINCT = 10_000_000, 2_000


def ten_million(folder: Path) -> dict[str, Path]:
    """Counts of ten million classes with 2,000 distinct values, long-tailed, as .npy and Parquet."""
    rng = np.random.default_rng(0)
    distinct = np.sort(rng.permutation(100_000)[:DISTINCT] + 1)
    counts = distinct[np.minimum(rng.exponential(DISTINCT / 12, CLASSES).astype(int), DISTINCT - 1)]
    files = {"npy": folder / "counts.npy", "parquet": folder / "counts.parquet"}
    np.save(files["npy"], counts)
    pq.write_table(pa.table({"count": counts}), files["parquet"])
    return files


def main() -> None:
    """Print times, memory and ratios."""
    out = table("Whole process, second run (kernels cached)", "command", "seconds", "bound", "peak MiB", "÷ reading")
    process("forecast", "lvis", "--json", "-")
    nothing, _ = min(process("--version") for _ in range(3))
    seconds, memory = min(process("forecast", "lvis", "--json", "-") for _ in range(3))
    out.add_row(
        "forecast lvis --json -", f"{seconds:.2f}", "2", f"{memory:,.0f}", f"{seconds / nothing:.1f} × --version"
    )
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in ten_million(Path(folder)).items():
            reading = once(lambda path=path, kind=kind: np.load(path).sum() if kind == "npy" else pq.read_table(path))
            arguments = ("forecast", str(path), "--holds", "counts", "--json", "-")
            seconds, memory = min(process(*arguments) for _ in range(2))
            row = (f"{seconds:.2f}", "15", f"{memory:,.0f}", f"{seconds / reading:.0f} ×")
            out.add_row(f"forecast 10⁷ classes, {DISTINCT:,} distinct, {kind}", *row)
    console.print(out)


if __name__ == "__main__":
    main()
