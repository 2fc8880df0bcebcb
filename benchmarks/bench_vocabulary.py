"""At the scale of a vocabulary: cross-entropy of 256,000 distinct counts, with its proven gap."""

import numpy as np

import penultimate as pen
from measure import console, cpu, table

CLASSES = 256_000


def vocabulary(size: int) -> pen.ClassCounts:
    """Zipf's law, every count different."""
    rank = np.arange(size)
    return pen.ClassCounts(np.round(30.0 * size**1.05 / (rank + 1.0) ** 1.05) + rank[::-1])


def cross_entropy() -> None:
    """Print time and gap of solutions on bins."""
    title = f"Cross-entropy on bins of counts, {CLASSES:,} distinct counts"
    out = table(title, "weight decay, c = 1", "CPU seconds", "bound", "relative gap, proven", "bound", "survivors")
    counts = vocabulary(CLASSES)
    for decay in (1e-6, 1e-4, 1e-3, 1e-2):
        found: list[pen.Solution] = []
        problem = pen.Problem.from_decays(decay, loss="ce")
        seconds = cpu(lambda problem=problem, found=found: found.append(pen.minimise(counts, problem)))
        gap = found[0].certificate.relative_gap
        out.add_row(f"{decay:g}", f"{seconds:.1f}", "15", f"{gap:.1e}", "2e-3", f"{found[0].survivors:,}")
    console.print(out)


def main() -> None:
    """Print times and gaps."""
    cross_entropy()


if __name__ == "__main__":
    main()
