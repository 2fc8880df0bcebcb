"""Several labels a sample: a file of tags to its forecast, directions of many labels, sigmoids solved, an audit."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse

import penultimate as pen
from measure import console, once, table
from penultimate.spectrum import scatter_spectrum


def tags(samples: int, labels: int, mean: float, seed: int = 0) -> sparse.csr_array:
    """Label sets with a long tail: labels fall like 1/rank, the number of labels a sample is Poisson's."""
    rng = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, labels + 1)
    sizes = rng.poisson(mean, samples)
    columns = rng.choice(labels, sizes.sum(), p=share / share.sum())
    rows = np.repeat(np.arange(samples), sizes)
    found = sparse.coo_array((np.ones(columns.size), (rows, columns)), shape=(samples, labels)).tocsr()
    found.data[:] = 1.0
    return found


def write(path: Path, matrix: sparse.csr_array) -> None:
    """A CSV with the tags of each package in one cell."""
    with path.open("w") as file:
        file.write("package,tags\n")
        for row, (start, end) in enumerate(zip(matrix.indptr, matrix.indptr[1:], strict=False)):
            file.write(f"p{row},{';'.join(f'facet::tag-{k}' for k in matrix.indices[start:end])}\n")


def command(path: Path) -> None:
    """The whole process, from the shell."""
    script = "from penultimate.cli import main; main()"
    options = ["forecast", str(path), "--separator", ";", "--weight-decay", "0.03"]
    subprocess.run([sys.executable, "-c", script, *options], check=True, capture_output=True)


def main() -> None:
    """Print times beside what was asked for."""
    out = table("Several labels a sample", "what", "took", "asked for")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tags.csv")
        write(path, tags(29_756, 597, 7.0))
        command(path)  # the first run fills the caches of the system
        out.add_row(
            "29,756 samples, 597 tags: file to forecast, whole process", f"{once(lambda: command(path)):.2f} s", "1.5 s"
        )
    many = pen.LabelScatter.from_labels(tags(60_000, 4_096, 7.0))
    out.add_row("4,096 labels: forecast", f"{once(lambda: pen.forecast(many, 0.01).score_on):.1f} s", "60 s")
    matrix = tags(500_000, 100_000, 6.4)
    summed = once(lambda: pen.LabelScatter.from_labels(matrix))
    huge = pen.LabelScatter.from_labels(matrix)
    zero = np.zeros(huge.labels)
    lanczos = once(lambda: scatter_spectrum._leading(huge, zero, huge.variance, 50))
    out.add_row(f"100,000 labels, {matrix.nnz / 1e6:.1f} million: sums", f"{summed:.1f} s", "")
    out.add_row("the same: 50 leading directions, with the sums", f"{summed + lanczos:.1f} s", "40 s")
    some = pen.LabelScatter.from_labels(tags(1_200, 150, 3.0))
    solving = once(lambda: pen.forecast(some, 0.05, loss="bce:sqrt"))
    sizes = f"{some.labels} labels, {some.sets.times.size:,} label sets"
    out.add_row(f"{sizes}: sigmoids solved to a gap of 1e-8", f"{solving:.1f} s", "")
    targets, features = tags(50_000, 200, 3.0), np.random.default_rng(0).standard_normal((50_000, 512))
    products = once(lambda: (features.T @ features, targets.T @ features))
    audit = once(lambda: pen.LabelStatistics(200, 512).update(features, targets))
    out.add_row("audit of 50,000 × 512, over its two products", f"{audit / products:.2f}", "1.5")
    console.print(out)


if __name__ == "__main__":
    main()
