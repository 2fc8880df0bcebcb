"""The spectrum of Ŷ against dense NumPy, all counts distinct, and against the time of the divisions it cannot avoid."""

import numba
import numpy as np

import penultimate as pen
from measure import best, console, once, table
from penultimate.spectrum import label_spectrum

SIZES = (512, 1024, 2048, 4096)


def counts_of(size: int) -> pen.ClassCounts:
    """All counts distinct."""
    return pen.ClassCounts(np.random.default_rng(0).permutation(10 * size)[:size] + 1.0)


def ours(counts: pen.ClassCounts) -> tuple[np.ndarray, np.ndarray]:
    """All singular values, and what the vectors need: residues and norms; found anew."""
    label_spectrum._solved.cache_clear()
    spectrum = pen.LabelSpectrum(counts)
    return spectrum.sigma, spectrum.quotient._norm


def dense(counts: pen.ClassCounts) -> np.ndarray:
    """Ŷ as an array."""
    n = counts.values
    return (np.eye(n.size) - np.outer(n, np.ones(n.size)) / n.sum()) * np.sqrt(n)


@numba.njit(parallel=True, fastmath=True, error_model="numpy")
def divisions(x: np.ndarray, sweeps: int) -> float:
    """Sweeps × m² divisions and additions at full speed: what any direct method does at the least."""
    total = 0.0
    for i in numba.prange(sweeps * x.size):
        partial = 0.0
        for j in range(x.size):
            partial += 1.0 / (x[j] + i)
        total += partial
    return total


def main() -> None:
    """Print times and ratios."""
    columns = ("K = m", "ours", "svd", "svd ÷ ours", "eigvalsh", "eigvalsh ÷ ours", "4 sweeps", "ours ÷ 4 sweeps")
    out = table("Singular values and vectors of the centred label matrix", *columns)
    for size in SIZES:
        counts = counts_of(size)
        matrix = dense(counts)
        mine = best(lambda counts=counts: ours(counts))
        svd = once(lambda matrix=matrix: np.linalg.svd(matrix))
        gram = np.diag(counts.values) - np.outer(counts.values, counts.values) / counts.samples
        eig = once(lambda gram=gram: np.linalg.eigvalsh(gram))
        # One sweep for a start, two to converge, one for the residues.
        limit = best(lambda counts=counts: divisions(counts.values, 4))
        seconds = (
            f"{mine * 1e3:.1f} ms",
            f"{svd:.2f} s",
            f"{svd / mine:,.0f} ×",
            f"{eig:.2f} s",
            f"{eig / mine:,.0f} ×",
        )
        out.add_row(str(size), *seconds, f"{limit * 1e3:.1f} ms", f"{mine / limit:.1f} ×")
        worst = np.abs(pen.LabelSpectrum(counts).sigma / np.linalg.svd(matrix, compute_uv=False)[:-1] - 1).max()
        if worst > 1e-9:
            raise SystemExit(f"singular values differ from NumPy's by {worst:.1e}")
    console.print(out)


if __name__ == "__main__":
    main()
