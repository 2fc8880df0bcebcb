"""CPU time of a whole piece of advice, five pieces with their forecasts, and what it finds.

The bound is 10 s for 100 distinct counts. Process time, so that what else the machine does counts little.
"""

import sys
import time

import penultimate as pen
from measure import console, table

CASES: dict[str, tuple[pen.ClassCounts, float, str]] = {
    "cifar100-lt, squared error": (pen.datasets.counts("cifar100-lt"), 5e-3, "mse"),
    "cifar100-lt, cross-entropy": (pen.datasets.counts("cifar100-lt"), 5e-3, "ce"),
    "100 distinct, squared error": (pen.ClassCounts.long_tailed(100, 5000, 100), 5e-3, "mse"),
    "100 distinct, cross-entropy": (pen.ClassCounts.long_tailed(100, 5000, 100), 5e-3, "ce"),
    "lvis, squared error": (pen.datasets.counts("lvis"), 5e-3, "mse"),
}
LONG = {"lvis, cross-entropy": (pen.datasets.counts("lvis"), 5e-3, "ce")}


def main() -> None:
    """Print times and findings; with ``--long`` those that take a minute too."""
    columns = ("counts", "distinct", "CPU s", "loss advised", "missing before", "after", "cost", "gap")
    out = table("Advice", *columns)
    pen.advise(pen.ClassCounts([60, 30, 10]), loss="ce", feature_ratio=1.0)
    for name, (counts, decay, loss) in (CASES | (LONG if "--long" in sys.argv[1:] else {})).items():
        start = time.process_time()
        advice = pen.advise(counts, decay, loss=loss, feature_ratio=1.0)
        seconds = time.process_time() - start
        found = advice.loss
        missing, cost = found.missing or (float("nan"),) * 2, found.many_cost
        certificate = None if found.after is None else found.after.solution.certificate
        out.add_row(
            name,
            f"{counts.distinct.size}",
            f"{seconds:.1f}",
            found.chosen or found.status.value,
            *(f"{value:.3f}" for value in missing),
            "–" if cost is None else f"{cost:.1%}",
            "–" if certificate is None else f"{certificate.relative_gap:.0e}",
        )
    console.print(out)


if __name__ == "__main__":
    main()
