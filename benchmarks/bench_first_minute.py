"""Commands on bundled data and on a small file, beside what every numerical program imports; warm and on a new machine.

CPU time of the whole process, system and user: what other work on the machine disturbs least. All are run in turn.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from measure import console, table

BOUND, ROUNDS = 2.5, 5
BASELINE = (sys.executable, "-c", "import numpy, scipy.linalg")
COMMANDS = (
    ("--version",),
    ("forecast", "lvis"),
    ("forecast", "cifar100-lt", "--loss", "ce"),
    ("audit", "cnn-mse"),
    ("audit", "small.npz"),
)


def small(path: Path) -> None:
    """Features of 900 samples of 10 classes, and the head of their means."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(10), 90)
    means = rng.normal(size=(10, 32))
    features = (means[labels] + 0.3 * rng.normal(size=(labels.size, 32))).astype(np.float32)
    np.savez(path, features=features, labels=labels, weight=means, bias=-0.5 * np.sum(means**2, axis=1))


def seconds(command: tuple[str, ...], folder: str, **environment: str) -> float:
    """CPU seconds of a process and of all that it started."""
    child = subprocess.Popen(
        command, cwd=folder, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print ratios."""
    penultimate = str(Path(sys.executable).with_name("penultimate"))
    out = table(
        "The first minute, CPU time of whole processes", "command", "seconds", "÷ baseline", "new machine", "bound"
    )
    with tempfile.TemporaryDirectory() as folder:
        small(Path(folder, "small.npz"))
        runs: dict[tuple[str, ...], list[float]] = {}
        for number in range(ROUNDS):
            runs.setdefault(BASELINE, []).append(seconds(BASELINE, folder))
            for command in COMMANDS:
                runs.setdefault(command, []).append(seconds((penultimate, *command), folder))
                cache = str(Path(folder, f"cache {number} {' '.join(command)}"))
                again = seconds((penultimate, *command), folder, NUMBA_CACHE_DIR=cache)
                runs.setdefault(("new", *command), []).append(again)
    baseline = min(runs[BASELINE])
    out.add_row("import numpy, scipy.linalg", f"{baseline:.2f}", "1", "", "")
    for command in COMMANDS:
        warm, new = min(runs[command]), min(runs["new", *command])
        row = (f"{warm:.2f}", f"{warm / baseline:.2f}", f"{new / baseline:.2f}", f"{BOUND:g}")
        out.add_row(" ".join(command), *row)
    console.print(out)


if __name__ == "__main__":
    main()
