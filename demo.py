"""What the project does, on its bundled data: forecasts, a report, an audit, and one claim checked before your eyes."""

import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import penultimate as pen
from penultimate.minimisers.descent import descend

console = Console(width=None if Console().is_terminal else 120)


def forecasts() -> None:
    """Forecast two real long-tailed data sets at weight decays where their tails begin to die."""
    for name, decay, page in (("lvis", 1e-4, "demo-report-lvis.html"), ("fashion-mnist-lt", 0.02, None)):
        console.rule(f"penultimate forecast {name} --weight-decay {decay}")
        forecast = pen.forecast(pen.datasets.counts(name), decay)
        console.print(forecast.table(classes=8))
        if page is not None:
            forecast.report(page)
            console.print(f"The same with charts: [bold]{Path(page).resolve()}[/bold]\n", soft_wrap=True)


def audit() -> None:
    """Audit a bundled network that was trained with squared error, and show T beside the forecast."""
    console.rule("penultimate audit cnn-mse")
    console.print(pen.audit("cnn-mse", weight_decay=5e-4).table())


def check() -> None:
    """Minimise small models numerically, on all factors and one feature a sample, and compare with the closed form."""
    console.rule("Is the closed form the minimum?")
    counts = pen.ClassCounts([12, 8, 5, 3, 2, 1])
    console.print(
        f"L-BFGS on every factor of the model for counts {counts.values.astype(int).tolist()}, many starts:\n"
    )
    table = Table("layers", "bias", "closed form", "best of L-BFGS", "relative difference", "starts that got there")
    differences: list[float] = []
    for layers, starts in ((1, 4), (2, 12), (3, 18)):
        for bias in ("free", "none"):
            problem = pen.Problem.from_decays(2e-2, layers=layers, bias=bias)
            closed = pen.minimise(counts, problem).objective
            found = descend(counts, problem, starts=starts).objectives
            there = int(np.sum(found <= closed * (1 + 1e-6)))
            differences.append(float(found[0] / closed - 1))
            row = (f"{layers}", bias, f"{closed:.12f}", f"{found[0]:.12f}", f"{differences[-1]:+.1e}")
            table.add_row(*row, f"{there} of {found.size}")
    console.print(table)
    below = "never got below" if min(differences) >= -1e-9 else "[red]got below[/red]"
    reached = sum(difference <= 1e-6 for difference in differences)
    console.print(
        f"L-BFGS knows nothing of singular values. It {below} the closed form, and reached it in {reached} of "
        f"{len(differences)} cases.\nOther starts were too narrow, or ended in worse stationary points."
    )


if __name__ == "__main__":
    started = time.perf_counter()
    forecasts()
    audit()
    check()
    console.print(
        f"\n{time.perf_counter() - started:.1f} s. Next: penultimate forecast YOUR_COUNTS.csv --html report.html"
    )
