"""What commands read and print: counts in, results out, progress in between."""

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.progress import TaskID

    from penultimate.counts import ClassCounts
    from penultimate.reported import Classes, Reported

_WIDTH = 120  # columns when the output is no terminal, where rich would fall back to 80 and wrap the tables


def read(counts: str, column: str | None, holds: Literal["counts", "labels"] | None) -> "ClassCounts":
    """Read a file or folder, or bundled counts by name; a file of that name goes first."""
    from penultimate.counts.given import counts_of

    return counts_of(counts, column, holds)


def deliver(result: "Reported", json_path: str | None, html_path: str | None, classes: "Classes | None" = None) -> None:
    """Write and print a result, or of its classes what is selected."""
    if html_path is not None:
        result.report(html_path)
        click.echo(f"wrote {html_path}", err=True)
    if json_path is not None:
        _write_json(result.to_dict(classes), json_path)
    if json_path != "-":
        show(result.table(classes))


@contextmanager
def progress(unit: str = "samples") -> "Generator[Callable[[str, int], object]]":
    """Count the samples, or parts, of each pass on stderr; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def step(stage: str, rows: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"reading {stage}", total=None)
            bars.advance(tasks[stage], rows)

        yield step


def _write_json(record: dict[str, object], path: str) -> None:
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
    if path == "-":
        click.echo(text)
        return
    from penultimate.files import write_whole

    write_whole(path, text + "\n")
    click.echo(f"wrote {path}", err=True)


def show(renderable: Any) -> None:
    """Print what the library rich draws."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(renderable)
