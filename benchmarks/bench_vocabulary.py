"""At the scale of a vocabulary: near-linear spectra, cross-entropy of 256,000 distinct counts, and narrow heads."""

import os
import tempfile
from pathlib import Path

import numpy as np

import penultimate as pen
from measure import console, cpu, process, table
from penultimate.spectrum import label_spectrum, secular

CLASSES = 256_000


def vocabulary(size: int) -> pen.ClassCounts:
    """Zipf's law, every count different."""
    rank = np.arange(size)
    return pen.ClassCounts(np.round(30.0 * size**1.05 / (rank + 1.0) ** 1.05) + rank[::-1])


def clusters(size: int) -> pen.ClassCounts:
    """Four clusters, from a few roundings to 1e-6 wide for each count."""
    steps, starts = np.arange(size // 4), ((1e6, 1e-15), (1e3, 1e-12), (7.0, 1e-9), (1.0, 1e-6))
    return pen.ClassCounts(np.concatenate([start * (1.0 + steps * width) for start, width in starts]))


def spectrum(counts: pen.ClassCounts) -> np.ndarray:
    """All singular values, and the norms of all vectors, found anew."""
    label_spectrum._solved.cache_clear()
    return pen.LabelSpectrum(counts).quotient._norm


def spectra() -> None:
    """Print CPU time of the tree, how it grows, and how often the direct loops take as long."""
    columns = ("distinct counts", "CPU seconds", "bound", "grows like m to the", "bound", "direct ÷ tree")
    for name, make in (("Zipf's law", vocabulary), ("clusters", clusters)):
        out = table(f"Spectrum and norms of all vectors, {name}", *columns)
        spectrum(make(5000))
        before: tuple[int, float] | None = None
        for size, bound in ((10_000, ""), (30_000, ""), (100_000, "2"), (1_000_000, "25")):
            counts = make(size)
            seconds = min(cpu(lambda counts=counts: spectrum(counts)) for _ in range(2))
            power = "" if before is None else f"{np.log(seconds / before[1]) / np.log(size / before[0]):.2f}"
            before = (size, seconds)
            ratio = ""
            if size <= 30_000:
                secular.DIRECT, direct = size, secular.DIRECT
                ratio = f"{cpu(lambda counts=counts: spectrum(counts)) / seconds:.0f} ×"
                secular.DIRECT = direct
            out.add_row(f"{size:,}", f"{seconds:.2f}", bound, power, "1.15" if power else "", ratio)
        console.print(out)


def solved(counts: pen.ClassCounts, problem: pen.Problem) -> tuple[str, str, str]:
    """CPU seconds, proven gap and survivors of a solution on bins."""
    found: list[pen.Solution] = []
    seconds = cpu(lambda: found.append(pen.minimise(counts, problem)))
    return f"{seconds:.1f}", f"{found[0].certificate.relative_gap:.1e}", f"{found[0].survivors:,}"


def cross_entropy() -> None:
    """Print time and gap of solutions on bins: over decays, with classes without samples, over sizes."""
    columns = ("CPU seconds", "bound", "relative gap, proven", "bound", "survivors")
    counts = vocabulary(CLASSES)
    out = table(f"Cross-entropy on bins of counts, {CLASSES:,} distinct counts", "weight decay, c = 1", *columns)
    for decay in (1e-6, 1e-4, 1e-3, 1e-2):
        seconds, gap, alive = solved(counts, pen.Problem.from_decays(decay, loss="ce"))
        out.add_row(f"{decay:g}", seconds, "15", gap, "2e-3", alive)
    unseen = pen.ClassCounts(np.append(counts.values, np.zeros(CLASSES // 4)))
    seconds, gap, alive = solved(unseen, pen.Problem.from_decays(1e-3, loss="ce", bias="none"))
    out.add_row(f"0.001, no bias, {CLASSES // 4:,} more without samples", seconds, "15", gap, "2e-3", alive)
    console.print(out)
    out = table("Cross-entropy on bins of counts, weight decay 0.001", "distinct counts", *columns)
    for size in (10_000, 100_000, 1_000_000):
        seconds, gap, alive = solved(vocabulary(size), pen.Problem.from_decays(1e-3, loss="ce"))
        out.add_row(f"{size:,}", seconds, "", gap, "2e-3", alive)
    console.print(out)


def figures() -> None:
    """Print how far figures of classes on bins are from those of the solution count by count, which takes a minute."""
    counts, problem = vocabulary(1000), pen.Problem.from_decays(1e-3, loss="ce")
    binned, true = (pen.minimise(counts, problem, gap=gap) for gap in (1e-3, 1e-8))
    title = f"Bins against the solution count by count, {counts.distinct.size:,} distinct counts"
    out = table(title, "figure", "off, rms", "bound", "largest")
    for name in ("group_head_norms", "group_mean_norms", "group_margins"):
        off = getattr(binned.geometry, name) / getattr(true.geometry, name) - 1.0
        rms = np.sqrt(np.average(off**2, weights=counts.multiplicity))
        out.add_row(name.removeprefix("group_").replace("_", " "), f"{rms:.2%}", "1%", f"{np.abs(off).max():.2%}")
    strengths = [np.repeat(found.strength, found.multiplicity) for found in (binned, true)]
    off = np.linalg.norm(strengths[0] - strengths[1]) / np.linalg.norm(strengths[1])
    out.add_row("strengths", f"{off:.2%}", "1%", "")
    console.print(out)


def deaths() -> None:
    """Print how long critical weight decays on bins take, and how many are known."""
    columns = ("counts", "first, CPU seconds", "all, CPU seconds", "bound", "known", "of")
    out = table("Critical weight decays, cross-entropy", *columns)
    sizes = {"lvis": pen.datasets.counts("lvis"), **{f"{size:,}": vocabulary(size) for size in (10_000, 100_000)}}
    for name, counts in sizes.items():
        forecast = pen.forecast(counts, 1e-3, loss="ce", feature_ratio=1)
        first = cpu(lambda forecast=forecast: forecast.largest_safe_weight_decay)
        seconds = cpu(lambda forecast=forecast: forecast.critical_weight_decay)
        known, directions = np.isfinite(forecast.critical_weight_decay), forecast.solution.multiplicity
        bound = "120" if name == "lvis" else ""
        alive = directions[known].sum()
        out.add_row(name, f"{first:.1f}", f"{seconds:.1f}", bound, f"{alive:,}", f"{directions.sum():,}")
    console.print(out)


def narrow() -> None:
    """Print what estimates with more classes than dimensions take."""
    counts, columns = vocabulary(CLASSES), ("features", "CPU seconds", "bound", "margin over width", "outcome")
    out = table(f"Estimates in 4,096 dimensions, {CLASSES:,} distinct counts, weight decay 1e-5", *columns)
    for features in ("free", "sphere"):
        found: list[pen.NarrowForecast] = []
        taken = cpu(
            lambda kind=features, found=found: found.append(
                pen.forecast(counts, 1e-5, loss="ce", width=4096, features=kind)
            )
        )
        out.add_row(features, f"{taken:.1f}", "15", f"{found[0].margin.share:.4f}", found[0].outcome.name.lower())
    console.print(out)


def commands() -> None:
    """Print times of whole commands, the last one three forecasts, for the range of other networks."""
    out = table(f"Whole process, {CLASSES:,} distinct counts", "command", "seconds", "CPU seconds", "bound", "peak MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.npz"
        np.savez(path, counts=vocabulary(CLASSES).values)
        for options in (("--feature-ratio", "1"), ("--feature-ratio", "1", "--loss", "ce"), ("--loss", "ce")):
            before = os.times()
            seconds, memory = process("forecast", str(path), "--weight-decay", "1e-3", *options)
            after = os.times()
            used = after.children_user - before.children_user + after.children_system - before.children_system
            bound = "15" if "--loss" in options else "8"
            out.add_row(f"forecast {' '.join(options)}", f"{seconds:.1f}", f"{used:.1f}", bound, f"{memory:,.0f}")
    console.print(out)


def main() -> None:
    """Print times and gaps."""
    spectra()
    cross_entropy()
    figures()
    deaths()
    narrow()
    commands()


if __name__ == "__main__":
    main()
